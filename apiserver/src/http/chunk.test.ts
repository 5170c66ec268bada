import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { chunkWriter } from "./chunk.ts";

/** What a client of this version of HTTP reads, to the byte, after the head. */
async function bodyFor(version: "1.0" | "1.1", pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const server = createServer((_request: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.writeHead(200, { connection: "close" });
    outgoing.flushHeaders();
    const write = chunkWriter(outgoing);
    for (const piece of pieces) write(piece);
    outgoing.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.write(`GET / HTTP/${version}\r\nhost: x\r\n\r\n`);
  const read: Buffer[] = [];
  for await (const chunk of socket) read.push(chunk as Buffer);
  server.close();
  const text = Buffer.concat(read).toString("utf8");
  return text.slice(text.indexOf("\r\n\r\n") + 4);
}

const event = Buffer.from('{"type":"ADDED"}\n');

it("frames each piece by its bytes, ends with the last chunk, and makes none of an empty piece", async () => {
  const body = await bodyFor("1.1", [event, "é☃\n", "", event, event]);
  const framed = '11\r\n{"type":"ADDED"}\n\r\n';
  expect(body).toBe(`${framed}6\r\né☃\n\r\n${framed}${framed}0\r\n\r\n`);
});

it("writes plain bytes to a client that knows no chunks", async () => {
  expect(await bodyFor("1.0", [event, "x"])).toBe('{"type":"ADDED"}\nx');
});
