import { createServer, type IncomingHttpHeaders } from "node:http";
import { request, type RequestOptions } from "node:https";
import { connect, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createTestAuthority, type TestAuthority } from "@coracle/apiserver/testing/certificates.ts";
import type { SubjectAccessReview } from "@coracle/shared/api/generated/authorization-v1.ts";
import type { TokenReview } from "@coracle/shared/api/generated/authentication-v1.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { createAccess } from "./access.ts";
import { createServingCertificate, type ServingCertificate } from "./certificate.ts";
import { serveKubelet } from "./server.ts";

const reviewed: string[] = [];
let isDown = false;
/** Knows one token, whose user may read metrics. */
const client = {
  create(_: unknown, review: TokenReview | SubjectAccessReview) {
    if (isDown) return Promise.reject(new Error("the API server is away"));
    const { spec } = review;
    if ("token" in spec) {
      reviewed.push("token");
      const user = { username: "monitor", groups: ["system:authenticated"] };
      const status = spec.token === "good" ? { authenticated: true, user } : { authenticated: false };
      return Promise.resolve({ ...review, status });
    }
    const { resourceAttributes: asked } = spec;
    reviewed.push(`${asked?.verb} ${asked?.resource}/${asked?.subresource} ${asked?.name}`);
    return Promise.resolve({ ...review, status: { allowed: asked?.subresource === "metrics" } });
  },
} as unknown as Client;

let behind: IncomingHttpHeaders = {};
const seen: (string | undefined)[] = [];
const inner = createServer((incoming, response) => {
  behind = incoming.headers;
  seen.push(`${incoming.method} ${incoming.url}`, incoming.headers.authorization);
  response.end("figures");
});
const stop = new AbortController();
let authority: TestAuthority;
let certificate: ServingCertificate;
let port = 0;
let clock = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => inner.listen(0, "127.0.0.1", resolve));
  authority = await createTestAuthority();
  certificate = await createServingCertificate({ node: "node-1", addresses: ["127.0.0.1"] });
  port = await serveKubelet({
    host: "127.0.0.1",
    port: 0,
    certificate,
    authority: authority.ca,
    access: createAccess(client, "node-1", () => clock),
    connect: () => connect((inner.address() as AddressInfo).port, "127.0.0.1"),
    log: pino({ level: "silent" }),
    signal: stop.signal,
  });
});
afterAll(() => {
  stop.abort();
  inner.close();
});
beforeEach(() => {
  clock += 1e9;
  isDown = false;
  reviewed.length = 0;
  seen.length = 0;
});

async function ask(path: string, token?: string, more: RequestOptions = {}) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const outgoing = request(
      { host: "127.0.0.1", port, path, headers, ca: certificate.cert, agent: false, ...more },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode, text }));
      },
    );
    outgoing.on("error", reject).end();
  });
}

it("passes on what is allowed, without the credential", async () => {
  expect(await ask("/metrics/resource?x=1", "good")).toEqual({ status: 200, text: "figures" });
  expect(seen).toEqual(["GET /metrics/resource?x=1", undefined]);
  expect(reviewed).toEqual(["token", "get nodes/metrics node-1"]);
});

it("refuses strangers, and what the API server does not allow", async () => {
  expect(await ask("/metrics")).toEqual({ status: 401, text: "Unauthorized" });
  expect((await ask("/metrics", "bad")).status).toBe(401);
  expect(await ask("/pods", "good")).toEqual({
    status: 403,
    text: "Forbidden (user=monitor, verb=get, resource=nodes, subresource(s)=[pods proxy])\n",
  });
  expect((await ask("/run/default/web/app", "good", { method: "POST" })).status).toBe(403);
  expect(reviewed).toContain("create nodes/proxy node-1");
  expect(seen).toEqual([]);
});

it("passes on the very path that it has judged", async () => {
  for (const path of [
    "/metrics/../containerLogs/default/web/app",
    "/metrics/%2e%2e/containerLogs/default/web/app",
    "/metrics/..\\containerLogs/default/web/app",
    "/.//metrics",
  ])
    expect([path, (await ask(path, "good")).status]).toEqual([path, 403]);
  expect(seen).toEqual([]);
  await ask("/stats/../metrics/./cadvisor?a=/../b", "good");
  expect(seen[0]).toBe("GET /metrics/cadvisor?a=/../b");
});

it("passes on nothing that speaks of the client's own connection", async () => {
  const more = "Trailer: x\r\nTE: trailers\r\nUpgrade: h2c\r\nCookie: a\r\nConnection: close\r\n";
  const socket = connectTls({ host: "127.0.0.1", port, ca: certificate.cert });
  socket.write(
    `GET /metrics HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer good\r\nAccept: text/plain\r\n${more}\r\n`,
  );
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*figures/s);
  expect(Object.keys(behind).toSorted()).toEqual(["accept", "connection", "host"]);
});

it("asks again only when an answer has grown old", async () => {
  for (let i = 0; i < 3; i++) await ask("/metrics", "good");
  expect(reviewed).toEqual(["token", "get nodes/metrics node-1"]);
  clock += 130_000;
  await ask("/metrics", "good");
  expect(reviewed).toEqual(["token", "get nodes/metrics node-1", "token"]);
});

it("lets nobody in while the API server cannot be asked, and keeps no such answer", async () => {
  isDown = true;
  expect((await ask("/metrics", "good")).status).toBe(500);
  isDown = false;
  expect((await ask("/metrics", "good")).status).toBe(200);
});

it("knows who shows a certificate of the cluster's authority", async () => {
  const known = await authority.issue("CN=agent,O=monitors");
  expect(await ask("/pods", undefined, known)).toMatchObject({
    status: 403,
    text: expect.stringContaining("user=agent"),
  });
  expect((await ask("/metrics", undefined, known)).status).toBe(200);
  const stranger = await (await createTestAuthority()).issue("CN=agent,O=monitors");
  expect((await ask("/metrics", undefined, stranger)).status).toBe(401);
});
