import type { WebSocket } from "ws";
import type { Status } from "@coracle/shared/errors.ts";
import { channel, type RemoteCommandClient } from "./channels.ts";
import { createByteQueue } from "./queue.ts";

/** Subprotocols of exec and attach over WebSocket, best first. In the base64 forms the channel is an ASCII digit and frames are text. */
export const commandSubprotocols = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v3.channel.k8s.io",
  "v2.channel.k8s.io",
  "channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "base64.channel.k8s.io",
] as const;

/** `255,<channel>` closes a channel since v5 (KEP-4006). */
const closeSignal = 255;
const sendBufferBytes = 256 * 1024;

export interface CommandStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Resolves when the socket's own buffer has room again. */
export function sendOn(socket: WebSocket, data: Buffer | string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  if (socket.bufferedAmount < sendBufferBytes) {
    socket.send(data, () => undefined);
    return Promise.resolve();
  }
  return new Promise((resolve) => socket.send(data, () => resolve()));
}

/** A client of exec or attach that speaks one of {@link commandSubprotocols}. */
export function webSocketCommandClient(
  socket: WebSocket,
  subprotocol: string,
  streams: CommandStreams,
): RemoteCommandClient {
  const base64 = subprotocol.includes("base64");
  const closed = new AbortController();
  const frames = createByteQueue();
  socket.on("message", (raw: Buffer) => {
    const frame = base64
      ? Buffer.concat([
          Buffer.from([(raw[0] ?? 0x30) - 0x30]),
          Buffer.from(raw.toString("latin1", 1), "base64"),
        ])
      : raw;
    const full = frames.push(frame);
    if (!full) return;
    socket.pause();
    void full.then(() => socket.resume());
  });
  const end = (): void => {
    closed.abort();
    frames.end();
  };
  socket.once("close", end);
  socket.once("error", end);

  const pack = (number: number, data: Buffer): Buffer | string =>
    base64
      ? String.fromCharCode(0x30 + number) + data.toString("base64")
      : Buffer.concat([Buffer.from([number]), data]);

  // Upstream's server says that it is ready by an empty message on the lowest channel it may write.
  void sendOn(
    socket,
    pack(streams.stdout ? channel.stdout : streams.stderr ? channel.stderr : channel.error, Buffer.alloc(0)),
  );

  return {
    closed: closed.signal,
    async *receive() {
      for await (const frame of frames) {
        const number = frame[0] ?? 0;
        if (number === closeSignal && subprotocol.startsWith("v5")) {
          if (frame[1] === channel.stdin) yield { channel: channel.stdin, closed: true };
        } else if (
          (number === channel.stdin && streams.stdin) ||
          (number === channel.resize && streams.tty)
        ) {
          if (frame.length > 1) yield { channel: number, data: frame.subarray(1) };
        }
      }
    },
    send: (number, data) => sendOn(socket, pack(number, data)),
    async finish(status) {
      await sendOn(socket, pack(channel.error, errorMessage(status, subprotocol)));
      socket.close(1000);
    },
  };
}

/** Since v4 the error channel carries a Status; before, a text when something failed. */
function errorMessage(status: Status, subprotocol: string): Buffer {
  if (/^v[45]\./.test(subprotocol)) return Buffer.from(JSON.stringify(status));
  return Buffer.from(status.status === "Success" ? "" : (status.message ?? ""));
}
