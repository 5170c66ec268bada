import type { WebSocket } from "ws";
import { createByteQueue, type ByteQueue } from "./queue.ts";
import type { OpenPort } from "./port-forward.ts";
import { sendOn } from "./websocket-command.ts";

/** Subprotocols of the older port-forward, one pair of channels per port: `2i` data, `2i + 1` error. */
export const forwardSubprotocols = ["v4.channel.k8s.io", "v4.base64.channel.k8s.io"] as const;

/**
 * Serves port-forward over plain WebSocket channels, as client libraries use it: one connection per requested port. Each channel
 * begins with the port number, two bytes, little-endian.
 */
export async function forwardOverChannels(
  socket: WebSocket,
  subprotocol: string,
  ports: readonly number[],
  openPort: OpenPort,
): Promise<void> {
  const base64 = subprotocol.includes("base64");
  const pack = (number: number, data: Buffer): Buffer | string =>
    base64
      ? String.fromCharCode(0x30 + number) + data.toString("base64")
      : Buffer.concat([Buffer.from([number]), data]);
  const uploads = new Map<number, ByteQueue>(ports.map((_, i) => [2 * i, createByteQueue()]));
  socket.on("message", (raw: Buffer) => {
    const number = base64 ? (raw[0] ?? 0x30) - 0x30 : (raw[0] ?? 0);
    const full = uploads
      .get(number)
      ?.push(base64 ? Buffer.from(raw.toString("latin1", 1), "base64") : raw.subarray(1));
    if (!full) return;
    socket.pause();
    void full.then(() => socket.resume());
  });
  const end = (): void => uploads.forEach((queue) => queue.end());
  socket.once("close", end);
  socket.once("error", end);

  const forward = async (port: number, index: number): Promise<void> => {
    const number = Buffer.alloc(2);
    number.writeUInt16LE(port);
    await sendOn(socket, pack(2 * index, number));
    await sendOn(socket, pack(2 * index + 1, number));
    try {
      const node = await openPort(port);
      void (async () => {
        for await (const chunk of uploads.get(2 * index) ?? []) await node.send(0, chunk);
        node.closeSend(0);
      })().catch(() => node.end());
      for await (const message of node.receive()) {
        if ("closed" in message) continue;
        await sendOn(socket, pack(2 * index + (message.channel === 1 ? 0 : 1), Buffer.from(message.data)));
      }
    } catch (error) {
      await sendOn(
        socket,
        pack(2 * index + 1, Buffer.from(`error forwarding port ${port}: ${(error as Error).message}`)),
      );
    }
  };
  await Promise.all(ports.map(forward));
  socket.close(1000);
}
