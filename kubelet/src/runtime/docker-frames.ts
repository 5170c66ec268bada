/** The engine's stream formats: JSON lines, and stdout and stderr mixed in frames. */
import type { Readable } from "node:stream";

export type Frame = { readonly channel: 1 | 2; readonly data: Buffer };

/** Lines of a stream, without their ends. */
export async function* lines(stream: Readable): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line.trim()) yield line;
  }
  if (rest.trim()) yield rest;
}

/** A stream of one output only: a terminal's. */
export async function* raw(stream: Readable): AsyncGenerator<Frame> {
  for await (const chunk of stream) yield { channel: 1, data: chunk as Buffer };
}

const HEADER = 8;

/**
 * Frames of an 8 byte header (stream number, three zeros, length) and that many bytes. A frame's bytes are passed on as they
 * come, so that a large frame is never held whole.
 */
export async function* demultiplex(stream: Readable): AsyncGenerator<Frame> {
  let header = Buffer.alloc(0);
  let channel: 1 | 2 = 1;
  let left = 0;
  for await (const piece of stream) {
    let chunk = piece as Buffer;
    while (chunk.length > 0) {
      if (left === 0) {
        const missing = HEADER - header.length;
        header = Buffer.concat([header, chunk.subarray(0, missing)]);
        chunk = chunk.subarray(missing);
        if (header.length < HEADER) break;
        channel = header[0] === 2 ? 2 : 1;
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
      } else {
        const data = chunk.subarray(0, left);
        chunk = chunk.subarray(data.length);
        left -= data.length;
        yield { channel, data };
      }
    }
  }
}
