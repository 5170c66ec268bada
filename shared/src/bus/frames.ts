/** The frames of a stream session: a type, a channel, a sequence number and a payload, one per message of the bus. */
export const FrameType = {
  data: 0,
  credit: 1,
  close: 2,
  end: 3,
  ping: 4,
  pong: 5,
  accept: 6,
  abort: 7,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export interface Frame {
  readonly type: number;
  readonly channel: number;
  /** Counts every frame of a direction, so that a lost or reordered one is noticed. */
  readonly sequence: number;
  readonly payload: Uint8Array;
}

const HEADER_BYTES = 6;

export function encodeFrame(
  type: FrameType,
  channel: number,
  sequence: number,
  payload: Uint8Array,
): Uint8Array {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame.writeUInt8(type, 0);
  frame.writeUInt8(channel, 1);
  frame.writeUInt32BE(sequence >>> 0, 2);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** Undefined for what cannot be a frame. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    type: view.readUInt8(0),
    channel: view.readUInt8(1),
    sequence: view.readUInt32BE(2),
    payload: view.subarray(HEADER_BYTES),
  };
}

export function encodeCredit(bytes: number): Uint8Array {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(bytes);
  return payload;
}
export const decodeCredit = (payload: Uint8Array): number =>
  payload.length === 4 ? Buffer.from(payload).readUInt32BE() : 0;
