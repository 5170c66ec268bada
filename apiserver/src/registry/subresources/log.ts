import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import { ApiError, badRequest, invalid, serviceUnavailable } from "@coracle/shared/errors.ts";
import { containerOf } from "../../streams/target.ts";
import type { ApiRequest, ApiResponse } from "../../request.ts";
import { invalidValue, notSupported, path, type FieldError } from "../field.ts";
import { readNamed } from "../get.ts";
import { isTrue } from "../options.ts";
import type { Call, Registry } from "../registry.ts";
import type { Subresource } from "./subresource.ts";

/** GET pods/x/log. */
export const log: Subresource = { verbs: { get: readLog } };

const text = { "content-type": "text/plain" };
const outputChannel = 1;
/** How long an answer waits for the first line, so that a refusal by the node is still told as a Status. */
const firstLineMs = 500;
const streams = ["All", "Stderr", "Stdout"];

async function readLog(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request } = call;
  const options = logOptions(request.query);
  const pod = (await readNamed(registry, call)).object as Pod;
  const container = containerOf(pod, request.query.get("container"));
  const node = pod.spec?.nodeName;
  // Nothing has been said yet.
  if (!node) return { status: 204, headers: text, body: "" };
  if (!registry.openNode) throw serviceUnavailable("this server has no connection to the nodes");
  const { namespace, name, uid } = pod.metadata;
  const message = { namespace, pod: name, uid, container, ...options };
  const session = await registry.openNode(node, "logs", message, request.signal);
  return respondLog(request, session);
}

function logOptions(query: URLSearchParams): object {
  const errors: FieldError[] = [];
  const sinceSeconds = whole(query, "sinceSeconds");
  const tailLines = whole(query, "tailLines");
  const limitBytes = whole(query, "limitBytes");
  const sinceTime = query.get("sinceTime") || undefined;
  const stream = query.get("stream") || undefined;
  if (sinceSeconds !== undefined && sinceTime) {
    errors.push({
      reason: "FieldValueForbidden",
      field: "",
      message: "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
    });
  }
  if (sinceSeconds !== undefined && sinceSeconds < 1) {
    errors.push(invalidValue(path("sinceSeconds"), sinceSeconds, "must be greater than 0"));
  }
  if (tailLines !== undefined && tailLines < 0) {
    errors.push(invalidValue(path("tailLines"), tailLines, "must be greater than or equal to 0"));
  }
  if (limitBytes !== undefined && limitBytes < 1) {
    errors.push(invalidValue(path("limitBytes"), limitBytes, "must be greater than 0"));
  }
  if (stream && stream !== "All" && tailLines !== undefined) {
    errors.push({
      reason: "FieldValueForbidden",
      field: "",
      message: "Forbidden: `tailLines` and specific `stream` are mutually exclusive for now",
    });
  }
  if (stream && !streams.includes(stream)) errors.push(notSupported(path("stream"), stream, streams));
  if (sinceTime && Number.isNaN(Date.parse(sinceTime))) {
    throw badRequest(`parsing time ${JSON.stringify(sinceTime)}: it is not RFC 3339`);
  }
  if (errors.length > 0) throw invalid("", "PodLogOptions", "", errors);
  return {
    follow: isTrue(query.get("follow")),
    previous: isTrue(query.get("previous")),
    timestamps: isTrue(query.get("timestamps")),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime ? { sinceTime } : {}),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(stream ? { stream } : {}),
  };
}

function whole(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === "") return undefined;
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
}

async function respondLog(request: ApiRequest, session: DuplexChannels): Promise<ApiResponse> {
  const lines = output(session);
  const first = lines.next();
  const timer = Promise.withResolvers<undefined>();
  const timeout = setTimeout(() => timer.resolve(undefined), firstLineMs);
  try {
    // A refusal is thrown here and becomes the answer; silence is an answer that has only begun.
    await Promise.race([first, timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
  request.signal.addEventListener("abort", () => session.end(), { once: true });
  return { status: 200, headers: text, body: join(first, lines) };
}

async function* join(
  first: Promise<IteratorResult<Uint8Array>>,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { done, value } = await first;
  if (done) return;
  yield value;
  yield* rest;
}

/** The log's bytes. @throws ApiError when the node refuses */
async function* output(session: DuplexChannels): AsyncGenerator<Uint8Array> {
  try {
    for await (const message of session.receive()) {
      if ("data" in message && message.channel === outputChannel) yield message.data;
    }
    const status = await session.ended;
    if (status?.status === "Failure") throw ApiError.from(status);
  } finally {
    session.end();
  }
}
