import { createServer, type RequestListener } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { DuplexChannels, Received } from "@coracle/shared/bus/stream.ts";
import { expect, it } from "vitest";
import { requestOf } from "../../../testing/in-process.ts";
import { forwardHttp, forwardUpgrade } from "./forward.ts";

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

const target = { node: "node-1", message: {}, host: "node-1:10250", scheme: "http" } as const;

async function serving(listener: RequestListener): Promise<{ port: number } & Disposable> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => server.close() };
}

it("a proxied request goes through the session and nowhere else", async () => {
  using server = await serving((request, response) => {
    response.writeHead(201, { "x-path": request.url ?? "" });
    request.pipe(response);
  });
  const request = requestOf({ method: "POST", path: "/ignored?a=1", headers: {}, body: "hello" });
  const session = sessionTo(server.port);
  const answer = await forwardHttp(request, { target, session, path: "/stats/summary" });
  expect([answer.status, answer.headers["x-path"]]).toEqual([201, "/stats/summary?a=1"]);
  const chunks = await Array.fromAsync(answer.body as AsyncIterable<Uint8Array>);
  expect(Buffer.concat(chunks).toString()).toBe("hello");
});

it("what a client says who it is by stays here", async () => {
  using server = await serving((request, response) => response.end(JSON.stringify(request.headers)));
  const headers = {
    authorization: "Bearer abc",
    "sec-websocket-protocol": "base64url.bearer.authorization.k8s.io.YWJj, chat",
    "impersonate-user": "ann",
    // As the transport joins repeated ones; such a header could not even be sent.
    "impersonate-group": "a\nb",
  };
  const request = requestOf({ method: "GET", path: "/", headers });
  const answer = await forwardHttp(request, { target, session: sessionTo(server.port), path: "/" });
  const chunks = await Array.fromAsync(answer.body as AsyncIterable<Uint8Array>);
  const told = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
  expect(told["sec-websocket-protocol"]).toBe("chat");
  expect(Object.keys(told).filter((name) => /^(authorization|impersonate-)/.test(name))).toEqual([]);
});

it("a simple server may end its lines as a script does", async () => {
  const server = createTcpServer((socket) =>
    socket.once("data", () => socket.end("HTTP/1.0 200 OK\nContent-Type: text/plain\n\nhello")),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const session = sessionTo((server.address() as AddressInfo).port);
  const request = requestOf({ method: "GET", path: "/", headers: {} });
  const answer = await forwardHttp(request, { target, session, path: "/" });
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, "text/plain"]);
  const chunks = await Array.fromAsync(answer.body as AsyncIterable<Uint8Array>);
  expect(Buffer.concat(chunks).toString()).toBe("hello");
  server.close();
});

it("cookies are not joined", async () => {
  const cookies = ["a=1; Expires=Sun, 29 Nov 2026 00:00:00 GMT", "b=2"];
  using server = await serving((_request, response) => {
    response.setHeader("set-cookie", cookies).end();
  });
  const request = requestOf({ method: "GET", path: "/", headers: {} });
  const answer = await forwardHttp(request, { target, session: sessionTo(server.port), path: "/" });
  expect(answer.cookies).toEqual(cookies);
  expect(answer.headers["set-cookie"]).toBeUndefined();
});

it("a packed page that breaks off is an error, not a page without an end", async () => {
  using server = await serving((_request, response) => {
    const page = gzipSync("<html>".repeat(1_000));
    response.writeHead(200, {
      "content-type": "text/html",
      "content-encoding": "gzip",
      "content-length": page.length,
    });
    response.write(page.subarray(0, page.length / 2), () => response.destroy());
  });
  const request = requestOf({ method: "GET", path: "/", headers: {} });
  const answer = await forwardHttp(request, { target, session: sessionTo(server.port), path: "/" });
  await expect(Array.fromAsync(answer.body as AsyncIterable<Uint8Array>)).rejects.toThrow();
});

it("a connection that left HTTP may break off while nobody looks", async () => {
  const server = createTcpServer((socket) =>
    socket.once("data", () =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const broken = Promise.withResolvers<never>();
  const session = sessionTo((server.address() as AddressInfo).port);
  const receive = async function* (): AsyncGenerator<Received> {
    const messages = session.receive()[Symbol.asyncIterator]();
    for (;;) {
      const next = await Promise.race([messages.next(), broken.promise]);
      if (next.done) return;
      yield next.value;
    }
  };
  const request = requestOf({ method: "GET", path: "/", headers: { upgrade: "websocket" } });
  const upgraded = await forwardUpgrade(request, { target, session: { ...session, receive }, path: "/" });
  if (!("accepted" in upgraded)) throw new Error("refused");
  const closed = new Promise((resolve) => upgraded.socket.once("close", resolve));
  upgraded.socket.resume();
  broken.reject(new Error("the request was aborted"));
  await closed;
  server.close();
});
