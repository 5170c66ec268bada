import { afterAll, beforeAll, beforeEach, afterEach, expect, it } from "vitest";
import { configMaps, nodes } from "@coracle/shared/api/resources.ts";
import type { Bus } from "@coracle/shared/bus/connect.ts";
import { startTestNats, type TestNats } from "@coracle/shared/bus/test-nats.ts";
import { createNatsClient } from "@coracle/shared/client/nats.ts";
import { conflict, notFound } from "@coracle/shared/errors.ts";
import type { ApiRequest, ApiResponse } from "../request.ts";
import { serveApi, type ServeApi } from "./serve.ts";

let nats: TestNats;
let server: Bus;
let caller: Bus;
let serving: ServeApi[] = [];

beforeAll(async () => {
  nats = await startTestNats(["apiserver", "scheduler", "controller-manager", "node_node-1", "bootstrap"]);
  server = await nats.connect("apiserver");
  caller = await nats.connect("scheduler");
});
afterAll(() => nats.remove());
beforeEach(() => {
  serving = [];
});
afterEach(async () => {
  await Promise.all(serving.map((s) => s.stop()));
});

const json = (body: unknown, status = 200): ApiResponse => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
const serve = (handle: (request: ApiRequest) => Promise<ApiResponse>, bus = server): void => {
  serving.push(serveApi(bus.nc, handle));
};

it("carries a request with its user, query, headers and body, and the answer back", async () => {
  let seen: ApiRequest | undefined;
  serve((request) => {
    seen = request;
    return Promise.resolve(json({ metadata: { name: "a b", resourceVersion: "7" } }, 201));
  });
  const client = createNatsClient(caller);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const made = await client.create(
    configMaps,
    { metadata: { name: "a b", namespace: "default" }, data: { ü: "\u0000é" } },
    { fieldManager: "x y", traceparent },
  );
  expect(made.metadata.resourceVersion).toBe("7");
  expect(seen?.connectionUser).toEqual({
    username: "system:kube-scheduler",
    groups: ["system:authenticated"],
  });
  expect([seen?.method, seen?.path, seen?.query.get("fieldManager"), seen?.headers["traceparent"]]).toEqual([
    "POST",
    "/api/v1/namespaces/default/configmaps",
    "x y",
    traceparent,
  ]);
  expect(JSON.parse(Buffer.from(seen?.body ?? []).toString())).toMatchObject({ data: { ü: "\u0000é" } });
});

it("throws the server's Status", async () => {
  serve(() => Promise.reject(notFound({ group: "", resource: "nodes" }, "x")));
  await expect(createNatsClient(caller).get(nodes, { name: "x" })).rejects.toMatchObject({
    code: 404,
    reason: "NotFound",
    message: 'nodes "x" not found',
  });
});

it("brings answers of many megabytes, several at once, byte for byte", async () => {
  const size = 12 * 1024 * 1024 + 17;
  serve((request) => {
    const fill = Number(request.query.get("n"));
    return Promise.resolve({ status: 200, headers: {}, body: Buffer.alloc(size, fill) });
  });
  const client = createNatsClient(caller);
  const answers = await Promise.all([1, 2, 3].map((n) => client.request("GET", `/big?n=${n}`)));
  for (const [i, { body }] of answers.entries()) {
    expect(body.length).toBe(size);
    expect(Buffer.from(body).equals(Buffer.alloc(size, i + 1))).toBe(true);
  }
});

it("brings a stream's parts together, and says when it broke off", async () => {
  serve((request) => {
    const parts = async function* () {
      yield "one ";
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield Buffer.from("two");
      if (request.method === "POST") throw conflict({ group: "", resource: "x" }, "x", "broken");
    };
    return Promise.resolve({ status: 200, headers: {}, body: parts() });
  });
  const client = createNatsClient(caller);
  expect(Buffer.from((await client.request("GET", "/s")).body).toString()).toBe("one two");
  await expect(client.request("POST", "/s")).rejects.toMatchObject({ code: 503 });
});

it("tells the server when the caller gives up", async () => {
  const gone = Promise.withResolvers<void>();
  serve(async ({ signal }) => {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    gone.resolve();
    throw new Error("aborted");
  });
  const abort = new AbortController();
  const asked = createNatsClient(caller).request("GET", "/slow", { signal: abort.signal });
  setTimeout(() => abort.abort(), 30);
  await expect(asked).rejects.toThrow(/abort/);
  await gone.promise;
});

it("lets a read wait until an API server is there, and a write that nobody has seen too", async () => {
  const client = createNatsClient(caller);
  const both = [client.request("GET", "/x"), client.request("POST", "/x")];
  await new Promise((resolve) => setTimeout(resolve, 150));
  serve(({ method }) => Promise.resolve(json({ method })));
  expect((await Promise.all(both)).map(({ body }) => Buffer.from(body).toString())).toEqual([
    '{"method":"GET"}',
    '{"method":"POST"}',
  ]);
});

it("asks another API server when the one it asked has died; a write's outcome is then unknown", async () => {
  const dying = await nats.connect("apiserver");
  serveApi(dying.nc, () => new Promise(() => undefined));
  const client = createNatsClient(caller);
  const read = client.request("GET", "/x");
  const write = client.request("POST", "/x").catch((error: unknown) => error);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await dying.nc.close();
  serve(() => Promise.resolve(json({ ok: true })));
  expect((await read).status).toBe(200);
  expect(await write).toMatchObject({ code: 503, message: expect.stringContaining("unknown") as string });
}, 15_000);

it("goes on after the broker was killed", async () => {
  serve(() => Promise.resolve(json({ ok: true })));
  const client = createNatsClient(caller);
  await client.request("GET", "/x");
  await nats.kill();
  const meanwhile = client.request("GET", "/x");
  await nats.start();
  expect((await meanwhile).status).toBe(200);
}, 30_000);

it("lets nobody ask under another's name, hear another's answers or act as an API server", async () => {
  const errors: string[] = [];
  const node = await nats.connect("node_node-1");
  void (async () => {
    for await (const status of node.nc.status())
      if (status.type === "error") errors.push(status.error.message);
  })();
  node.nc.publish("api.scheduler", "");
  node.nc.publish("feed.core.pods._.default.x", "");
  node.nc.publish("node.node-2.exec", "");
  node.nc.publish("stream.node-2.abc", "");
  for (const subject of ["api.*", "_INBOX.scheduler.>", "feed.core.pods.node-2.>", "node.node-2.>"])
    node.nc.subscribe(subject, { callback: () => undefined });
  await node.nc.flush();
  await expect.poll(() => errors.filter((e) => /permission/i.test(e)).length).toBe(8);
});

it("answers small requests in well under a millisecond each at concurrency 32", async () => {
  const body = json({ metadata: { name: "x" }, data: { k: "v".repeat(900) } });
  serve(() => Promise.resolve(body));
  const client = createNatsClient(caller);
  const total = 6_000;
  let left = total;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      while (left-- > 0) await client.get(configMaps, { namespace: "default", name: "x" });
    }),
  );
  const perSecond = total / ((performance.now() - began) / 1000);
  console.log(`request/reply: ${Math.round(perSecond)} per second`);
  expect(perSecond).toBeGreaterThan(1_000);
});
