import type { ServerResponse } from "node:http";

/** The last chunk with its frame: an event goes to one watcher after the other. */
let last: { readonly chunk: Uint8Array | string; readonly framed: Buffer } | undefined;

const lineEnd = "\r\n";

/** A chunk of HTTP/1.1's chunked coding in one piece. */
function frame(chunk: Uint8Array | string): Buffer {
  if (last?.chunk === chunk) return last.framed;
  const size = typeof chunk === "string" ? Buffer.byteLength(chunk) : chunk.length;
  const head = `${size.toString(16)}${lineEnd}`;
  const framed = Buffer.allocUnsafe(head.length + size + lineEnd.length);
  framed.write(head, "latin1");
  if (typeof chunk === "string") framed.write(chunk, head.length);
  else framed.set(chunk, head.length);
  framed.write(lineEnd, head.length + size, "latin1");
  last = { chunk, framed };
  return framed;
}

/**
 * Writes pieces of an answer whose head is out. Node writes the four parts of a chunk each on its own, which costs as much as all
 * else about it; here a chunk is one buffer, made once for all answers that it goes to.
 * @returns a function that does as `write` does
 */
export function chunkWriter(outgoing: ServerResponse): (chunk: Uint8Array | string) => boolean {
  // Whether there are chunks at all was decided with the head: HTTP/1.0 knows none.
  if (!outgoing.chunkedEncoding) return (chunk) => outgoing.write(chunk);
  return (chunk) => {
    // An empty one would be the end.
    if (chunk.length === 0) return true;
    outgoing.chunkedEncoding = false;
    try {
      return outgoing.write(frame(chunk));
    } finally {
      outgoing.chunkedEncoding = true;
    }
  };
}
