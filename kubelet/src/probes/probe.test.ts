import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttp2Server, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Probe } from "@coracle/shared/api/generated/core-v1.ts";
import { encodeRequest } from "./grpc.ts";
import { resolvePort, runProbe } from "./probe.ts";

let http: Server;
let grpc: Http2Server;
let port = 0;
let grpcPort = 0;
const noExec = { exec: () => Promise.reject(new Error("no exec here")) };
const run = (probe: Probe) =>
  runProbe(
    probe,
    {
      containerId: "c",
      podAddress: "127.0.0.1",
      container: { name: "main", ports: [{ name: "web", containerPort: port }] },
    },
    noExec,
    new AbortController().signal,
  );

beforeAll(async () => {
  http = createHttpServer((request, response) => {
    if (request.url === "/slow") return;
    if (request.url === "/moved") response.writeHead(302, { location: "/ok" }).end();
    else if (request.url === "/away")
      response.writeHead(302, { location: "http://elsewhere.invalid/" }).end();
    else if (request.url === "/header")
      response.writeHead(request.headers["x-key"] === "1" ? 200 : 403).end();
    else response.writeHead(request.url === "/ok" ? 200 : 500).end("body");
  });
  grpc = createHttp2Server();
  grpc.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    const parts: Buffer[] = [];
    stream.on("data", (d: Buffer) => parts.push(d));
    // Serving, unless the service `down` is asked for.
    stream.on("end", () =>
      stream.end(
        Buffer.from([0, 0, 0, 0, 2, 0x08, Buffer.concat(parts).equals(encodeRequest("down")) ? 2 : 1]),
      ),
    );
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  await new Promise<void>((resolve) => grpc.listen(0, "127.0.0.1", resolve));
  port = (http.address() as AddressInfo).port;
  grpcPort = (grpc.address() as AddressInfo).port;
});
afterAll(() => {
  http.closeAllConnections();
  http.close();
  grpc.close();
});

test.each([
  ["/ok", "success", "body"],
  ["/bad", "failure", "HTTP probe failed with statuscode: 500"],
  ["/moved", "success", "body"],
  ["/away", "warning", "Probe terminated redirects"],
])("HTTP %s is %s", async (path, outcome, message) => {
  const result = await run({ httpGet: { path, port: "web" } });
  expect(result.outcome).toBe(outcome);
  expect(result.message).toContain(message);
});

test("headers are sent", async () => {
  expect(
    (await run({ httpGet: { path: "/header", port, httpHeaders: [{ name: "X-Key", value: "1" }] } })).outcome,
  ).toBe("success");
});

test("a server that does not answer in time fails", async () => {
  expect(await run({ timeoutSeconds: 1, httpGet: { path: "/slow", port } })).toMatchObject({
    outcome: "failure",
    message: expect.stringContaining("context deadline exceeded"),
  });
});

test("TCP asks whether a connection is accepted", async () => {
  expect((await run({ tcpSocket: { port } })).outcome).toBe("success");
  expect(await run({ tcpSocket: { port: 1 } })).toMatchObject({
    outcome: "failure",
    message: expect.stringContaining("connection refused"),
  });
});

test("gRPC asks the health service", async () => {
  expect((await run({ grpc: { port: grpcPort } })).outcome).toBe("success");
  expect(await run({ grpc: { port: grpcPort, service: "down" } })).toMatchObject({
    outcome: "failure",
    message: expect.stringContaining("NOT_SERVING"),
  });
});

test("a port's name is looked up in the container", () => {
  const container = { name: "main", ports: [{ name: "web", containerPort: 80 }] };
  expect([
    resolvePort("web", container),
    resolvePort("81", container),
    resolvePort("nope", container),
    resolvePort(0, container),
  ]).toEqual([80, 81, undefined, undefined]);
});
