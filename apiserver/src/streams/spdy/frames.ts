/** SPDY/3.1 frames (draft-mbelshe-httpbis-spdy-00, section 2), as far as a server of exec and port-forward needs them. */

export const type = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;
export const flagFin = 1;

export type Frame =
  | { readonly kind: "data"; readonly stream: number; readonly fin: boolean; readonly body: Buffer }
  | { readonly kind: "control"; readonly type: number; readonly fin: boolean; readonly body: Buffer };

const headBytes = 8;
/** The largest frame accepted; the protocol's length field would allow 16 MiB. */
const maxFrameBytes = 1024 * 1024;

/** Cuts a byte stream into frames. @throws Error when it is not SPDY/3 or a frame is too large */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    let at = 0;
    while (pending.length - at >= headBytes) {
      const length = pending.readUIntBE(at + 5, 3);
      if (length > maxFrameBytes) throw new Error("spdy: a frame is too large");
      if (pending.length - at < headBytes + length) break;
      yield parse(
        pending.subarray(at, at + headBytes),
        pending.subarray(at + headBytes, at + headBytes + length),
      );
      at += headBytes + length;
    }
    pending = pending.subarray(at);
  }
}

function parse(head: Buffer, body: Buffer): Frame {
  const fin = ((head[4] ?? 0) & flagFin) !== 0;
  const first = head.readUInt32BE(0);
  if ((first & 0x80000000) === 0) return { kind: "data", stream: first, fin, body };
  if (((first >>> 16) & 0x7fff) !== 3) throw new Error("spdy: not version 3");
  return { kind: "control", type: first & 0xffff, fin, body };
}

function withHead(first: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(first >>> 0, 0);
  head[4] = flags;
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

const control = (t: number, body: Buffer): Buffer => withHead(0x80030000 | t, 0, body);
const words = (...numbers: number[]): Buffer => {
  const b = Buffer.alloc(numbers.length * 4);
  for (const [i, n] of numbers.entries()) b.writeUInt32BE(n >>> 0, i * 4);
  return b;
};

export const dataFrame = (stream: number, body: Buffer, fin: boolean): Buffer =>
  withHead(stream, fin ? flagFin : 0, body);
export const synReplyFrame = (stream: number, block: Buffer): Buffer =>
  control(type.synReply, Buffer.concat([words(stream), block]));
/** Status 5: CANCEL. */
export const rstStreamFrame = (stream: number, status = 5): Buffer =>
  control(type.rstStream, words(stream, status));
export const pingFrame = (id: Buffer): Buffer => control(type.ping, id);
export const goawayFrame = (lastStream: number): Buffer => control(type.goaway, words(lastStream, 0));
