import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createWatchCache } from "../watch/cache.ts";
import { createRedisStore } from "./redis.ts";
import type { Store } from "./store.ts";
import { startTestRedis, type TestRedis } from "./test-redis.ts";

let server: TestRedis;
let store: Store;
beforeAll(async () => {
  server = await startTestRedis();
  store = createRedisStore({ redis: server.options });
});
beforeEach(async () => {
  await server.flush();
});
afterAll(async () => {
  await store.close();
  await server.remove();
});

const script = fileURLToPath(new URL("./snapshot-main.ts", import.meta.url));
const env = () => ({ ...process.env, CORACLE_REDIS: `redis://127.0.0.1:${server.options.port}` });
const save = async (): Promise<string> =>
  (await promisify(execFile)(process.execPath, [script, "save"], { env: env(), maxBuffer: 1e9 })).stdout;
async function restore(text: string): Promise<{ code: number | null; message: string }> {
  const child = spawn(process.execPath, [script, "restore"], {
    env: env(),
    stdio: ["pipe", "ignore", "pipe"],
  });
  let message = "";
  child.stderr.on("data", (chunk: Buffer) => (message += chunk.toString()));
  child.stdin.end(text);
  await once(child, "close");
  return { code: child.exitCode, message };
}
const key = (name: string) => ({ resource: "pods", namespace: "default", name });
const body = (n: number) => JSON.stringify({ metadata: { name: `p${n}` }, text: "é☃\n".repeat(n) });
const contents = async (s: Store) =>
  (await s.snapshot()).objects.map((o) => `${o.key.name} ${o.body}`).toSorted((a, b) => (a < b ? -1 : 1));

it("restores what was saved, at revisions above all that were ever given out", async () => {
  for (let n = 0; n < 1200; n++) await store.create(key(`p${n}`), body(n % 50));
  const saved = await save();
  const before = await contents(store);
  const old = await store.get(key("p1"));
  for (let n = 0; n < 600; n++)
    await store.delete(key(`p${n}`), "{}", (await store.get(key(`p${n}`)))?.revision ?? 0);
  await store.create(key("new"), "{}");
  const newest = await store.revision();

  const stop = new AbortController();
  const cache = createWatchCache(store);
  await cache.start(stop.signal);
  expect((await restore(saved)).code).toBe(0);

  expect(await contents(store)).toEqual(before);
  const { objects, revision } = await store.snapshot();
  expect(Math.min(...objects.map((o) => o.revision))).toBeGreaterThan(newest);
  expect(Math.max(...objects.map((o) => o.revision))).toBeLessThanOrEqual(revision);
  await expect(store.update(key("p1"), "{}", old?.revision ?? 0)).rejects.toMatchObject({ code: "stale" });
  // An API server that was running notices by itself.
  await cache.waitFor(revision);
  expect(cache.list("pods").items).toHaveLength(1200);
  expect(cache.get(key("new"))).toBeUndefined();
  expect(await store.create(key("more"), "{}")).toBe(revision + 1);
  await cache.waitFor(revision + 1);
  stop.abort();
});

it("is refused when it was cut short or changed, and leaves the store as it was", async () => {
  await store.create(key("a"), body(1));
  await store.create(key("b"), body(2));
  const saved = await save();
  await store.create(key("c"), body(3));
  const before = await contents(store);
  const lines = saved.split("\n");
  for (const text of [
    "",
    "{}",
    lines.slice(0, -2).join("\n"),
    saved.replace('"p2', '"q2'),
    `${lines[0]}\n${lines[3]}`,
    `${saved}{}`,
    "x",
  ]) {
    const { code, message } = await restore(text);
    expect([code, message]).toEqual([1, expect.stringContaining("the snapshot cannot be used")]);
  }
  expect(await contents(store)).toEqual(before);
});
