import { once } from "node:events";
import type { Duplex } from "node:stream";
import { createByteQueue, type ByteQueue } from "../queue.ts";
import {
  dataFrame,
  goawayFrame,
  pingFrame,
  readFrames,
  rstStreamFrame,
  synReplyFrame,
  type as frameType,
  type Frame,
} from "./frames.ts";
import { createHeaderCodec, type SpdyHeaders } from "./headers.ts";

/** A stream that the client opened. */
export interface SpdyStream {
  readonly id: number;
  readonly headers: SpdyHeaders;
  /** What the client sends, until it half-closes. */
  readonly incoming: AsyncIterable<Buffer>;
  /** Resolves when the connection can take more. */
  write(bytes: Buffer): Promise<void>;
  /** Half-closes our side. */
  end(): void;
  /** Ends both directions at once. */
  reset(): void;
}

export interface SpdyConnection {
  readonly streams: AsyncIterable<SpdyStream>;
  /** Aborts when the connection has ended, whoever ended it. */
  readonly closed: AbortSignal;
  close(): void;
}

interface OpenStream {
  readonly queue: ByteQueue;
}

const chunkBytes = 32 * 1024;

/**
 * The server's side of SPDY/3.1. The clients' library neither sends nor honours window updates, so that TCP is the only flow
 * control: a stream whose consumer is slow holds back the connection, as it does in upstream's server.
 */
export function serveSpdy(transport: Duplex): SpdyConnection {
  const codec = createHeaderCodec();
  const open = new Map<number, OpenStream>();
  const closed = new AbortController();
  const accepted: SpdyStream[] = [];
  let wakeAcceptor: (() => void) | undefined;
  let lastStream = 0;

  const write = async (frame: Buffer): Promise<void> => {
    if (closed.signal.aborted || transport.destroyed) return;
    if (!transport.write(frame))
      await Promise.race([once(transport, "drain"), once(transport, "close"), once(closed.signal, "abort")]);
  };

  const accept = (id: number, headers: SpdyHeaders, fin: boolean): void => {
    const queue = createByteQueue();
    if (fin) queue.end();
    else open.set(id, { queue });
    let finSent = false;
    lastStream = id;
    accepted.push({
      id,
      headers,
      incoming: queue,
      async write(bytes) {
        for (let at = 0; at < bytes.length; at += chunkBytes)
          await write(dataFrame(id, bytes.subarray(at, at + chunkBytes), false));
      },
      end() {
        if (finSent) return;
        finSent = true;
        void write(dataFrame(id, Buffer.alloc(0), true));
      },
      reset() {
        open.delete(id);
        queue.end();
        void write(rstStreamFrame(id));
      },
    });
    wakeAcceptor?.();
  };

  const onControl = async (frame: Frame & { kind: "control" }): Promise<void> => {
    const { body } = frame;
    switch (frame.type) {
      case frameType.synStream: {
        const id = body.readUInt32BE(0) & 0x7fffffff;
        const headers = await codec.unpack(body.subarray(10));
        await write(synReplyFrame(id, await codec.pack(new Map())));
        accept(id, headers, frame.fin);
        break;
      }
      case frameType.headers:
        // The compression state runs through every header block, wanted or not.
        await codec.unpack(body.subarray(4));
        break;
      case frameType.rstStream: {
        const id = body.readUInt32BE(0) & 0x7fffffff;
        open.get(id)?.queue.end();
        open.delete(id);
        break;
      }
      case frameType.ping:
        await write(pingFrame(Buffer.from(body)));
        break;
      case frameType.goaway:
      case frameType.settings:
      case frameType.windowUpdate:
      default:
        break;
    }
  };

  const pump = async (): Promise<void> => {
    for await (const frame of readFrames(transport as AsyncIterable<Buffer>)) {
      if (frame.kind === "control") await onControl(frame);
      else {
        const stream = open.get(frame.stream);
        // A copy: the frame is a view into the read buffer, which would be kept alive by a slow consumer.
        if (stream && frame.body.length > 0) await stream.queue.push(Buffer.from(frame.body));
        if (frame.fin) {
          stream?.queue.end();
          open.delete(frame.stream);
        }
      }
    }
  };

  const shutDown = (): void => {
    if (closed.signal.aborted) return;
    closed.abort();
    for (const { queue } of open.values()) queue.end();
    open.clear();
    codec.close();
    transport.destroy();
    wakeAcceptor?.();
  };
  transport.once("error", shutDown);
  transport.once("close", shutDown);
  // A protocol error ends the connection; there is nobody else to tell.
  pump().then(shutDown, shutDown);

  return {
    closed: closed.signal,
    close() {
      if (closed.signal.aborted) return;
      // What is still queued in the socket goes out before it closes.
      transport.end(goawayFrame(lastStream));
      setTimeout(shutDown, 1_000).unref();
    },
    streams: {
      async *[Symbol.asyncIterator]() {
        while (!closed.signal.aborted) {
          const next = accepted.shift();
          if (next) yield next;
          else await new Promise<void>((resolve) => (wakeAcceptor = resolve));
        }
      },
    },
  };
}
