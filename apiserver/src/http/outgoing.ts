import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { ApiResponse } from "../request.ts";
import { chunkWriter } from "./chunk.ts";

/** Smaller answers are not worth the work, as upstream. */
const gzipFrom = 128 * 1024;
const gzipLevel = 1;
const compress = promisify(gzip);

/** Writes an answer; a stream is flushed chunk by chunk, as fast as the client reads. */
export async function send(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  response: ApiResponse,
): Promise<void> {
  const { body } = response;
  if (typeof body === "string" || body instanceof Uint8Array) {
    await sendWhole(incoming, outgoing, response, body);
    return;
  }
  const { headers, cookies } = response;
  outgoing.writeHead(response.status, cookies ? { ...headers, "set-cookie": [...cookies] } : headers);
  outgoing.flushHeaders();
  const stop = cutWhenOverdue(outgoing, response.overdue);
  try {
    if (incoming.method !== "HEAD") await pump(outgoing, body);
  } finally {
    stop();
  }
  outgoing.end();
}

async function sendWhole(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { status, headers }: ApiResponse,
  body: string | Uint8Array,
): Promise<void> {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const zip = bytes.byteLength >= gzipFrom && acceptsGzip(incoming);
  const content = zip ? await compress(bytes, { level: gzipLevel }) : bytes;
  outgoing.writeHead(status, {
    ...headers,
    ...(zip ? { "content-encoding": "gzip", vary: "Accept-Encoding" } : {}),
    ...(status === 304 || status === 204 ? {} : { "content-length": content.byteLength }),
  });
  if (incoming.method === "HEAD") outgoing.end();
  else if (content.byteLength > joinedUpTo) outgoing.end(content);
  else outgoing.end(asBuffer(content).toString("latin1"), "latin1");
}

/** Text that short is joined to the head and leaves in one write and one TLS record; latin1 keeps each byte as it is. */
const joinedUpTo = 8 * 1024;
const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const acceptsGzip = (incoming: IncomingMessage): boolean =>
  /(^|[\s,])gzip($|[\s,;])/.test(incoming.headers["accept-encoding"] ?? "");

/** For a client that reads slowly the end of its stream may still be news; one that does not read at all holds memory. */
const overdueMs = 10_000;

/** Destroys a stream a moment after its answer is overdue. @returns what keeps it from that */
export function cutWhenOverdue(stream: { destroy(): unknown }, overdue: AbortSignal | undefined): () => void {
  let timer: NodeJS.Timeout | undefined;
  const start = (): void => void (timer = setTimeout(() => stream.destroy(), overdueMs));
  if (overdue?.aborted) start();
  else overdue?.addEventListener("abort", start, { once: true });
  return () => {
    clearTimeout(timer);
    overdue?.removeEventListener("abort", start);
  };
}

async function pump(outgoing: ServerResponse, body: AsyncIterable<Uint8Array | string>): Promise<void> {
  const write = chunkWriter(outgoing);
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  outgoing.once("close", onClose);
  try {
    for await (const chunk of body) {
      if (gone.signal.aborted) return;
      if (!write(chunk)) await once(outgoing, "drain", { signal: gone.signal });
    }
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    outgoing.off("close", onClose);
  }
}
