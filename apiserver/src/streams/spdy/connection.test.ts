import { duplexPair, type Duplex } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { serveSpdy, type SpdyStream } from "./connection.ts";
import { dataFrame, readFrames, type Frame } from "./frames.ts";
import { createHeaderCodec } from "./headers.ts";

/** SYN_STREAM as a client sends it: id, no associated stream, priority 0. */
async function synStream(
  codec: ReturnType<typeof createHeaderCodec>,
  id: number,
  headers: Record<string, string>,
): Promise<Buffer> {
  const block = await codec.pack(new Map(Object.entries(headers)));
  const head = Buffer.alloc(18);
  head.writeUInt32BE(0x80030001, 0);
  head.writeUIntBE(block.length + 10, 5, 3);
  head.writeUInt32BE(id, 8);
  return Buffer.concat([head, block]);
}

const firstStream = async (transport: Duplex): Promise<SpdyStream> => {
  for await (const stream of serveSpdy(transport).streams) return stream;
  throw new Error("no stream");
};

test("a client's stream arrives with its headers, and the block compression goes on from stream to stream", async () => {
  const [client, server] = duplexPair();
  const codec = createHeaderCodec();
  const connection = serveSpdy(server);
  const seen: Record<string, string>[] = [];
  client.write(
    Buffer.concat([
      await synStream(codec, 1, { streamtype: "error", port: "80" }),
      await synStream(codec, 3, { streamtype: "data", port: "80" }),
    ]),
  );
  for await (const stream of connection.streams) {
    seen.push(Object.fromEntries(stream.headers));
    if (seen.length === 2) break;
  }
  expect(seen).toEqual([
    { streamtype: "error", port: "80" },
    { streamtype: "data", port: "80" },
  ]);
});

test("bytes survive any cutting into chunks and frames, in both directions", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 5_000 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 4_000 }),
      async (messages, cut) => {
        const [client, server] = duplexPair();
        const wire = Buffer.concat([
          await synStream(createHeaderCodec(), 1, { streamtype: "data" }),
          ...messages.map((m, i) => dataFrame(1, Buffer.from(m), i === messages.length - 1)),
        ]);
        const accepted = firstStream(server);
        for (let at = 0; at < wire.length; at += cut) client.write(wire.subarray(at, at + cut));
        const stream = await accepted;
        const echoed = (async () => {
          for await (const chunk of stream.incoming) await stream.write(chunk);
          stream.end();
        })();
        const back: Buffer[] = [];
        for await (const frame of readFrames(client as AsyncIterable<Buffer>) as AsyncIterable<Frame>) {
          if (frame.kind !== "data") continue;
          back.push(Buffer.from(frame.body));
          if (frame.fin) break;
        }
        await echoed;
        expect(Buffer.concat(back).equals(Buffer.concat(messages))).toBe(true);
      },
    ),
    { numRuns: 25 },
  );
});

test("a ping is answered with its own id", async () => {
  const [client, server] = duplexPair();
  serveSpdy(server);
  const ping = Buffer.from([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7]);
  client.write(ping);
  for await (const data of client) {
    expect(Buffer.from(data as Buffer)).toEqual(ping);
    break;
  }
});

test("what is not SPDY ends the connection and nothing else", async () => {
  const [client, server] = duplexPair();
  const connection = serveSpdy(server);
  client.write("\xff\xff\xff\xffGET / HTTP/1.1\r\n\r\n");
  await new Promise((resolve) => connection.closed.addEventListener("abort", resolve));
  expect(server.destroyed).toBe(true);
});
