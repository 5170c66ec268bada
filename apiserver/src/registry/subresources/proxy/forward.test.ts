import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { DuplexChannels, Received } from "@coracle/shared/bus/stream.ts";
import { expect, it } from "vitest";
import { requestOf } from "../../../testing/in-process.ts";
import { forwardHttp } from "./forward.ts";

/** A session whose far end is a connection to this port, as a kubelet makes it. */
function sessionTo(port: number): DuplexChannels {
  const socket = connect(port, "127.0.0.1");
  return {
    send: (_channel: number, bytes: Uint8Array) =>
      new Promise<void>((resolve) => socket.write(bytes, () => resolve())),
    closeSend: () => socket.end(),
    async *receive(): AsyncGenerator<Received> {
      for await (const data of socket as AsyncIterable<Buffer>) yield { channel: 1, data };
      yield { channel: 1, closed: true };
    },
    end: () => socket.destroy(),
  } as unknown as DuplexChannels;
}

it("a proxied request goes through the session and nowhere else", async () => {
  const server = createServer((request, response) => {
    response.writeHead(201, { "x-path": request.url ?? "" });
    request.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const request = requestOf({ method: "POST", path: "/ignored?a=1", headers: {}, body: "hello" });
    const target = { node: "node-1", message: {}, host: "node-1:10250", scheme: "http" } as const;
    const answer = await forwardHttp(request, { target, session: sessionTo(port), path: "/stats/summary" });
    expect([answer.status, answer.headers["x-path"]]).toEqual([201, "/stats/summary?a=1"]);
    const chunks = await Array.fromAsync(answer.body as AsyncIterable<Uint8Array>);
    expect(Buffer.concat(chunks).toString()).toBe("hello");
  } finally {
    server.close();
  }
});
