import { ApiError, serviceUnavailable, type Status } from "../errors.ts";
import { decodeCredit, decodeFrame, encodeCredit, encodeFrame, FrameType } from "./frames.ts";

export type Received =
  | { readonly channel: number; readonly data: Uint8Array }
  | { readonly channel: number; readonly closed: true };

/** A session of numbered byte channels with a credit window each way. */
export interface DuplexChannels {
  /** Resolves when the peer has credit for all of it; rejects when the session is over. Calls are served in order. */
  send(channel: number, bytes: Uint8Array): Promise<void>;
  /** No more will be sent on this channel; the other direction stays open. Comes after everything sent before. */
  closeSend(channel: number): void;
  /** What the peer sends. Ends with the peer's end; throws ApiError when the peer or the bus is lost. One consumer. */
  receive(): AsyncIterable<Received>;
  /** Ends the session, after everything sent before. */
  end(status?: Status): void;
  /** The session is over before this side had ended it: peer gone, connection lost, or (serving side) the opener ended. */
  readonly aborted: AbortSignal;
  /** The status the peer ended with. */
  readonly ended: Promise<Status | undefined>;
}

/** What may be under way in one direction before the receiver has taken it. */
export const WINDOW_BYTES = 256 * 1024;
/** Payload of one frame: a few fit the window, so that sending and receiving overlap. */
const FRAME_BYTES = 64 * 1024;
const CREDIT_STEP = WINDOW_BYTES / 4;
/** A message without bytes still takes room in the receiver. */
const frameCost = (bytes: number): number => Math.max(bytes, 64);

export interface SessionOptions {
  readonly publish: (frame: Uint8Array) => void;
  /** The session is over on both sides; its subscription can go. */
  readonly onClosed: () => void;
  readonly abortOnPeerEnd: boolean;
  readonly pingMs?: number | undefined;
  readonly deadMs?: number | undefined;
}

export interface Session extends DuplexChannels {
  /** Takes a frame from the bus. */
  deliver(bytes: Uint8Array): void;
  accept(): void;
  readonly accepted: Promise<void>;
  fail(error: Error): void;
  /** Ends at once, without waiting for what still has to be sent; the peer is told. */
  breakOff(error: ApiError): void;
}

const EMPTY = new Uint8Array(0);

/** The protocol of one side of a session, without the bus. */
export function createSession(options: SessionOptions): Session {
  const abort = new AbortController();
  const inbox: Received[] = [];
  let wake: (() => void) | undefined;
  let wakeSender: (() => void) | undefined;
  let credit = WINDOW_BYTES;
  let taken = 0;
  let sent = 0;
  let expected = 0;
  let sending: Promise<void> = Promise.resolve();
  let localEnded = false;
  let localFinished = false;
  let peerEnded = false;
  let peerStatus: Status | undefined;
  let failure: Error | undefined;
  let closed = false;
  let heard = performance.now();
  const ended = Promise.withResolvers<Status | undefined>();
  const accepted = Promise.withResolvers<void>();
  accepted.promise.catch(() => undefined);

  const emit = (type: FrameType, channel: number, payload: Uint8Array): void => {
    if (closed) return;
    try {
      options.publish(encodeFrame(type, channel, sent++, payload));
    } catch (error) {
      fail(serviceUnavailable(`cannot send: ${(error as Error).message}`));
    }
  };
  const close = (): void => {
    if (closed) return;
    closed = true;
    clearInterval(heartbeat);
    options.onClosed();
    wake?.();
    wakeSender?.();
  };
  const fail = (error: Error): void => {
    if (closed) return;
    failure = error;
    accepted.reject(error);
    ended.resolve(error instanceof ApiError ? error.status : serviceUnavailable(error.message).status);
    close();
    abort.abort(error);
  };
  const breakOff = (error: ApiError): void => {
    emit(FrameType.abort, 0, Buffer.from(JSON.stringify(error.status)));
    fail(error);
  };
  const pingMs = options.pingMs ?? 10_000;
  const deadMs = options.deadMs ?? 30_000;
  const heartbeat = setInterval(() => {
    const silent = performance.now() - heard;
    if (silent >= deadMs) fail(serviceUnavailable("the other end of the stream does not answer"));
    else if (silent >= pingMs) emit(FrameType.ping, 0, EMPTY);
  }, pingMs / 2);
  heartbeat.unref();

  const enqueue = (task: () => Promise<void> | void): Promise<void> => {
    const done = sending.then(task);
    sending = done.catch(() => undefined);
    return done;
  };
  const sendNow = async (channel: number, bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length || at === 0; at += FRAME_BYTES) {
      const part = bytes.subarray(at, at + FRAME_BYTES);
      while (credit < frameCost(part.length) && !closed && !peerEnded) {
        await new Promise<void>((resolve) => {
          wakeSender = resolve;
        });
      }
      if (closed || peerEnded) throw reasonOfEnd();
      credit -= frameCost(part.length);
      emit(FrameType.data, channel, part);
      if (bytes.length === 0) return;
    }
  };
  const grant = (bytes: number): void => {
    taken += frameCost(bytes);
    if (taken < CREDIT_STEP) return;
    emit(FrameType.credit, 0, encodeCredit(taken));
    taken = 0;
  };
  const push = (item: Received): void => {
    inbox.push(item);
    wake?.();
  };
  /** Why nothing can be sent any more: what broke the session, or what the peer had to say when it ended it. */
  const reasonOfEnd = (): Error =>
    failure ??
    (peerStatus?.status === "Failure"
      ? ApiError.from(peerStatus)
      : serviceUnavailable("the stream has ended"));
  const onPeerEnd = (payload: Uint8Array): void => {
    peerEnded = true;
    peerStatus = parseStatus(payload);
    ended.resolve(peerStatus);
    accepted.resolve();
    wake?.();
    wakeSender?.();
    if (localFinished) close();
    else if (options.abortOnPeerEnd && !localEnded) {
      abort.abort(serviceUnavailable("the other end ended the stream"));
      finish(undefined);
    }
  };
  const finish = (status: Status | undefined): void => {
    emit(FrameType.end, 0, status ? Buffer.from(JSON.stringify(status)) : EMPTY);
    localFinished = true;
    localEnded = true;
    if (peerEnded) close();
  };

  return {
    aborted: abort.signal,
    ended: ended.promise,
    accepted: accepted.promise,
    breakOff,
    accept: () => emit(FrameType.accept, 0, EMPTY),
    fail,
    send: (channel, bytes) =>
      localEnded || closed ? Promise.reject(reasonOfEnd()) : enqueue(() => sendNow(channel, bytes)),
    closeSend: (channel) => {
      if (!localEnded) void enqueue(() => emit(FrameType.close, channel, EMPTY));
    },
    end(status) {
      if (localEnded) return;
      localEnded = true;
      void enqueue(() => finish(status));
    },
    async *receive() {
      for (;;) {
        const item = inbox.shift();
        if (item) {
          if ("data" in item) grant(item.data.length);
          yield item;
          continue;
        }
        if (failure) throw failure;
        if (peerEnded || closed) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    deliver(bytes) {
      const frame = decodeFrame(bytes);
      if (closed || !frame) return;
      heard = performance.now();
      if (frame.sequence !== expected >>> 0) {
        breakOff(serviceUnavailable("a part of the stream was lost"));
        return;
      }
      expected += 1;
      switch (frame.type) {
        case FrameType.data:
          push({ channel: frame.channel, data: frame.payload });
          break;
        case FrameType.close:
          push({ channel: frame.channel, closed: true });
          break;
        case FrameType.credit:
          credit += decodeCredit(frame.payload);
          wakeSender?.();
          break;
        case FrameType.end:
          onPeerEnd(frame.payload);
          break;
        case FrameType.abort:
          fail(
            ApiError.from(
              parseStatus(frame.payload) ?? serviceUnavailable("the stream was broken off").status,
            ),
          );
          break;
        case FrameType.ping:
          emit(FrameType.pong, 0, EMPTY);
          break;
        case FrameType.accept:
          accepted.resolve();
          break;
        default:
          break;
      }
    },
  };
}

function parseStatus(payload: Uint8Array): Status | undefined {
  if (payload.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.from(payload).toString()) as Status;
  } catch {
    return serviceUnavailable("the other end sent a status that cannot be read").status;
  }
}
