import { Agent, request as send, type RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { timeout } from "../errors.ts";
import type { HttpsConfig } from "./config.ts";
import { TransportError, type Transport, type WireRequest } from "./transport.ts";

export interface StreamResponse {
  readonly status: number;
  /** The body as lines, as they come. Ending the iteration closes the connection. */
  readonly lines: AsyncIterable<string>;
  /** The whole body, for an answer that is no stream. */
  text(): Promise<string>;
}

export interface HttpsTransport {
  readonly send: Transport;
  /** A long-running read: a watch. */
  readonly stream: (request: WireRequest) => Promise<StreamResponse>;
  close(): void;
}

const TIMEOUT_MS = 60_000;
/** With these no connection was made, so nothing was delivered. */
const NOT_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** HTTPS with connections kept open. */
export function createHttpsTransport(config: HttpsConfig): HttpsTransport {
  const base = new URL(config.server);
  const prefix = base.pathname.replace(/\/$/, "");
  const agent = new Agent({
    keepAlive: true,
    scheduling: "lifo",
    ...(config.ca ? { ca: config.ca } : {}),
    ...(config.cert && config.key ? { cert: config.cert, key: config.key } : {}),
    ...(config.serverName ? { servername: config.serverName } : {}),
    rejectUnauthorized: !config.insecure,
  });

  const open = async (request: WireRequest, timeoutMs: number): Promise<IncomingMessage> => {
    const token = await readToken(config);
    const headers: Record<string, string | number> = { ...request.headers };
    if (token) headers["authorization"] = `Bearer ${token}`;
    const body = typeof request.body === "string" ? Buffer.from(request.body) : request.body;
    if (body) headers["content-length"] = body.length;
    const options: RequestOptions = {
      agent,
      method: request.method,
      hostname: base.hostname.replace(/^\[|\]$/g, ""),
      port: base.port || 443,
      path: prefix + request.path,
      headers,
      ...(request.signal ? { signal: request.signal } : {}),
    };
    return new Promise((resolve, reject) => {
      const sent = send(options, resolve);
      sent.on("error", (error: NodeJS.ErrnoException) => reject(describe(error, request)));
      sent.setTimeout(timeoutMs, () => sent.destroy(timeout("the API server did not answer in time")));
      sent.end(body);
    });
  };

  return {
    send: async (request) => {
      const response = await open(request, TIMEOUT_MS);
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of response) chunks.push(chunk as Buffer);
      } catch (error) {
        throw describe(error as NodeJS.ErrnoException, request);
      }
      const retryAfter = Number(response.headers["retry-after"]);
      return {
        status: response.statusCode ?? 0,
        retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
        body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks),
      };
    },
    stream: async (request) => {
      const response = await open(request, 0);
      return {
        status: response.statusCode ?? 0,
        lines: linesOf(response),
        text: () => text(response),
      };
    },
    close: () => agent.destroy(),
  };
}

async function readToken(config: HttpsConfig): Promise<string | undefined> {
  try {
    return await config.token?.();
  } catch (error) {
    throw new TransportError("the ServiceAccount token cannot be read", false, error);
  }
}

/** An abort stays what it is; anything else is the network's. */
function describe(error: NodeJS.ErrnoException, request: WireRequest): Error {
  if (request.signal?.aborted) return request.signal.reason instanceof Error ? request.signal.reason : error;
  if (error.name === "ApiError") return error;
  return new TransportError(
    error.message || (error.code ?? "connection failed"),
    !NOT_CONNECTED.has(error.code ?? ""),
    error,
  );
}

const NEWLINE = 10;

/** Cuts at newlines without looking at a byte twice. */
async function* linesOf(response: IncomingMessage): AsyncIterable<string> {
  let partial: Buffer[] = [];
  for await (const part of response) {
    const chunk = part as Buffer;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      const line = partial.length > 0 ? Buffer.concat([...partial, piece]) : piece;
      partial = [];
      start = end + 1;
      if (line.length > 0) yield line.toString();
    }
    if (start < chunk.length) partial.push(chunk.subarray(start));
  }
  if (partial.length > 0) yield Buffer.concat(partial).toString();
}
