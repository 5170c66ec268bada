import type { Status } from "@coracle/shared/errors.ts";
import type { AuditOutcome, AuditRecord } from "../audit/audit.ts";
import type { ApiRequest, ApiResponse } from "../request.ts";

/** Completes a request's audit record with its answer, which gets the record's id; of a stream, when it has ended. */
export function audited(record: AuditRecord, request: ApiRequest, response: ApiResponse): ApiResponse {
  const { body, status: code } = response;
  const headers = { ...response.headers, "audit-id": record.id };
  if (typeof body === "string" || body instanceof Uint8Array) {
    record.completed(new Outcome(code, request.body, body));
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
  readonly #sent: Uint8Array;
  readonly #answered: Uint8Array | string;
  constructor(code: number, sent: Uint8Array, answered: Uint8Array | string) {
    this.code = code;
    this.#sent = sent;
    this.#answered = answered;
  }
  get status(): Status | undefined {
    return this.code >= 400 ? (parse(this.#answered) as Status | undefined) : undefined;
  }
  get requestObject(): unknown {
    return this.#sent.byteLength > 0 ? parse(this.#sent) : undefined;
  }
  get responseObject(): unknown {
    return parse(this.#answered);
  }
}

function parse(body: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof body === "string" ? body : Buffer.from(body).toString("utf8")) as unknown;
  } catch {
    // Protobuf and YAML are not recorded.
    return undefined;
  }
}
