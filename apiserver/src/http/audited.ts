import type { Status } from "@coracle/shared/errors.ts";
import type { AuditOutcome, AuditRecord } from "../audit/audit.ts";
import type { ApiRequest, ApiResponse } from "../request.ts";
import { parseBody } from "../schema/body.ts";

/** Completes a request's audit record with its answer, which gets the record's id; of a stream, when it has ended. */
export function audited(record: AuditRecord, request: ApiRequest, response: ApiResponse): ApiResponse {
  const { body, status: code } = response;
  const headers = { ...response.headers, "audit-id": record.id };
  if (typeof body === "string" || body instanceof Uint8Array) {
    record.completed(new Outcome(code, request, body));
    return { ...response, headers };
  }
  record.started(code);
  return { ...response, headers, body: untilEnd(record, body, code) };
}

async function* untilEnd(
  record: AuditRecord,
  body: AsyncIterable<Uint8Array | string>,
  code: number,
): AsyncGenerator<Uint8Array | string> {
  try {
    yield* body;
  } finally {
    record.completed({ code });
  }
}

/** Bodies are parsed only when the policy's level asks for them. */
class Outcome implements AuditOutcome {
  readonly code: number;
  readonly #request: ApiRequest;
  readonly #answered: Uint8Array | string;
  constructor(code: number, request: ApiRequest, answered: Uint8Array | string) {
    this.code = code;
    this.#request = request;
    this.#answered = answered;
  }
  get status(): Status | undefined {
    return this.code >= 400 ? (parse(this.#answered) as Status | undefined) : undefined;
  }
  get requestObject(): unknown {
    const { body, headers } = this.#request;
    if (body.byteLength === 0) return undefined;
    // Patches are JSON of types of their own.
    const type = headers["content-type"]?.includes("+json") ? undefined : headers["content-type"];
    try {
      return parseBody(body, type, false).value;
    } catch {
      // It was refused for being no such thing.
      return undefined;
    }
  }
  get responseObject(): unknown {
    return parse(this.#answered);
  }
}

function parse(body: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof body === "string" ? body : Buffer.from(body).toString("utf8")) as unknown;
  } catch {
    // A text: the output of a log, say.
    return undefined;
  }
}
