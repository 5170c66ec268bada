import "reflect-metadata";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { pino } from "pino";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { pods } from "../api/resources.ts";
import { inClusterConfig, tokenFromFile } from "../client/config.ts";
import { createHttpsClient, type HttpsClient } from "../client/https.ts";
import type { Informer } from "./informer.ts";
import { createWatchInformerFactory } from "./watch.ts";

const log = pino({ level: "silent" });
const status = (code: number, reason: string, message = reason) =>
  JSON.stringify({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    code,
    reason,
    message,
  });
const pod = (name: string, revision: number, extra: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "ns", uid: name, resourceVersion: String(revision), ...extra },
});
const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const initialEnd = (revision: number): string =>
  event("BOOKMARK", {
    metadata: { resourceVersion: String(revision), annotations: { "k8s.io/initial-events-end": "true" } },
  });

let ca: { cert: string; key: string };
beforeAll(async () => {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=localhost",
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
  });
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  ca = {
    cert: cert.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
});

type Handler = (url: URL, response: ServerResponse, request: IncomingMessage) => void;
let handler: Handler;
let server: Server;
let sockets: Set<Duplex>;
let client: HttpsClient;
let stop: AbortController;
let dir: string;
let seen: string[];

beforeEach(async () => {
  seen = [];
  stop = new AbortController();
  sockets = new Set();
  dir = await mkdtemp(join(tmpdir(), "coracle-watch-"));
  server = createServer({ cert: ca.cert, key: ca.key }, (request, response) => {
    const url = new URL(request.url ?? "/", "https://x");
    seen.push(
      `${request.method} ${url.pathname}?${[...url.searchParams].map(([k, v]) => (k === "timeoutSeconds" ? k : `${k}=${v}`)).join("&")}`,
    );
    handler(url, response, request);
  });
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await writeFile(join(dir, "token"), "first\n");
  await writeFile(join(dir, "ca.crt"), ca.cert);
  const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(port) };
  client = createHttpsClient(await inClusterConfig(env, dir), { baseDelayMs: 1 });
});
afterEach(async () => {
  stop.abort();
  client.close();
  for (const socket of sockets) socket.destroy();
  server.close();
  await rm(dir, { recursive: true });
});

const names = (informer: Informer<unknown>): string[] =>
  [...(informer.list() as Iterable<{ metadata: { name: string; resourceVersion: string } }>)]
    .map((o) => `${o.metadata.name}@${o.metadata.resourceVersion}`)
    .toSorted((a, b) => (a < b ? -1 : 1));
const follow = (): Informer<unknown> => {
  const factory = createWatchInformerFactory({ client, log });
  const informer = factory.for(pods, { namespace: "ns", labelSelector: "a=b" });
  void factory.start(stop.signal).catch(() => undefined);
  return informer;
};
const labels = { labels: { a: "b" } };

it("opens with a streaming list, follows it, and resumes where a broken watch ended", async () => {
  let connection = 0;
  handler = (url, response) => {
    connection += 1;
    response.writeHead(200, { "content-type": "application/json" });
    if (connection === 1) {
      const text = event("ADDED", pod("a", 3, labels)) + event("ADDED", pod("b", 4, labels)) + initialEnd(10);
      // Cut anywhere: lines do not come whole.
      response.write(text.slice(0, 50));
      setTimeout(() => {
        response.write(text.slice(50) + event("MODIFIED", pod("a", 11, labels)));
        response.write(event("BOOKMARK", { metadata: { resourceVersion: "15" } }));
        setTimeout(() => response.destroy(), 10);
      }, 10);
    } else if (url.searchParams.get("resourceVersion") === "15")
      response.write(event("DELETED", pod("b", 16, labels)) + event("ADDED", pod("ü", 17, labels)));
  };
  const informer = follow();
  await informer.synced();
  await expect.poll(() => names(informer)).toEqual(["a@11", "ü@17"]);
  expect(seen).toEqual([
    "GET /api/v1/namespaces/ns/pods?labelSelector=a=b&watch=true&allowWatchBookmarks=true&timeoutSeconds&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
    "GET /api/v1/namespaces/ns/pods?labelSelector=a=b&watch=true&allowWatchBookmarks=true&timeoutSeconds&resourceVersion=15",
  ]);
});

it("lists again when its revision is too old, in an answer or in an event", async () => {
  let connection = 0;
  handler = (_, response) => {
    connection += 1;
    if (connection === 3) {
      response.writeHead(410).end(status(410, "Expired"));
      return;
    }
    response.writeHead(200);
    if (connection === 1)
      response.end(
        event("ADDED", pod("gone", 3, labels)) +
          initialEnd(5) +
          event("ERROR", JSON.parse(status(410, "Expired")) as object),
      );
    else if (connection === 2) response.end(event("ADDED", pod("a", 8, labels)) + initialEnd(9));
    else
      response.write(
        event("ADDED", pod("a", 8, labels)) + event("ADDED", pod("c", 20, labels)) + initialEnd(21),
      );
  };
  const informer = follow();
  await expect.poll(() => names(informer), { timeout: 3_000 }).toEqual(["a@8", "c@20"]);
  expect(connection).toBe(4);
});

it("falls back to a list and a watch where the server has no streaming lists", async () => {
  handler = (url, response) => {
    if (url.searchParams.has("sendInitialEvents")) response.writeHead(422).end(status(422, "Invalid"));
    else if (!url.searchParams.has("watch")) {
      const items = [{ metadata: pod("a", 2, labels).metadata }];
      response.end(JSON.stringify({ metadata: { resourceVersion: "5" }, items }));
    } else {
      response.writeHead(200);
      response.write(
        event("MODIFIED", pod("a", Number(url.searchParams.get("resourceVersion")) + 1, labels)),
      );
    }
  };
  const informer = follow();
  await expect.poll(() => names(informer)).toEqual(["a@6"]);
});

it("sends the token that is in the file now", async () => {
  const tokens: string[] = [];
  handler = (_, response, request) => {
    tokens.push(request.headers.authorization ?? "");
    response.end("{}");
  };
  await client.request("GET", "/x");
  expect(tokens).toEqual(["Bearer first"]);
  let now = 0;
  const read = tokenFromFile(join(dir, "token"), () => now);
  expect(await read()).toBe("first");
  await writeFile(join(dir, "token"), "second");
  await utimes(join(dir, "token"), 1, 1);
  expect(await read()).toBe("first");
  now += 10_001;
  expect(await read()).toBe("second");
});

it("tries reads again, and writes only when they cannot have arrived or the server says so", async () => {
  let calls = 0;
  handler = (url, response, request) => {
    calls += 1;
    if (url.pathname === "/busy" && calls === 1) response.writeHead(429, { "retry-after": "0" }).end();
    else if (url.pathname === "/down" && calls < 3)
      response.writeHead(503).end(status(503, "ServiceUnavailable"));
    else if (url.pathname === "/cut" && (request.method === "POST" || calls < 3)) response.destroy();
    else response.end(`{"calls":${calls}}`);
  };
  const ask = async (method: string, path: string): Promise<string | number> => {
    calls = 0;
    try {
      return Buffer.from((await client.request(method, path)).body).toString();
    } catch (error) {
      return (error as { code: number }).code;
    }
  };
  expect(await ask("POST", "/busy")).toBe('{"calls":2}');
  expect(await ask("GET", "/down")).toBe('{"calls":3}');
  expect([await ask("POST", "/down"), calls]).toEqual([503, 1]);
  expect(await ask("GET", "/cut")).toBe('{"calls":3}');
  expect([await ask("POST", "/cut"), calls]).toEqual([503, 1]);
});
