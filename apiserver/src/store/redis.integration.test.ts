import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisConfig, redisUsers } from "../../../cli/src/init/redis.ts";
import { changesKey } from "./keys.ts";
import { createRedisStore } from "./redis.ts";
import { describeStore, take } from "./store.contract.ts";
import { StoreError, type Change, type Store } from "./store.ts";
import { startTestRedis, type TestRedis } from "./test-redis.ts";

let server: TestRedis;
beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.remove());

const open = async (patienceMs = 5_000): Promise<Store> => {
  await server.flush();
  const store = createRedisStore({ redis: server.options, patienceMs });
  await store.revision();
  return store;
};
const pod = (name: string) => ({ resource: "pods", namespace: "default", name });

describeStore("Redis", () => open());

describe("a long change log", () => {
  it("is trimmed to its newest changes, a piece at a time", async () => {
    const store = await open();
    const start = await store.revision();
    const body = "x".repeat(1_000);
    await Promise.all(Array.from({ length: 3_000 }, (_, i) => store.create(pod(`p${i}`), body)));
    await store.compact(start + 2_991);
    const client = new Redis({ ...server.options, protocol: 2 });
    // The stream drops whole nodes, of a few entries each.
    const left = await client.xlen(changesKey);
    client.disconnect();
    expect(left).toBeGreaterThanOrEqual(10);
    expect(left).toBeLessThan(100);
    const kept = await take(store, start + 2_990, 10, new AbortController().signal);
    expect(kept[0]?.revision).toBe(start + 2_991);
    await store.close();
  });
});

describe("stores of several servers", () => {
  it("tell each other's changes and their own in order, as they are made", async () => {
    const one = await open();
    const other = createRedisStore({ redis: server.options });
    const start = await other.revision();
    const stop = new AbortController();
    const seen = [take(one, start, 90, stop.signal), take(other, start, 90, stop.signal)];
    const began = performance.now();
    for (let i = 0; i < 30; i++) {
      const store = i % 3 === 0 ? one : other;
      const made = await store.create(pod(`p${i}`), `${i}`);
      await Promise.all([one.create(pod(`q${i}`), "one"), other.update(pod(`p${i}`), `${i}+`, made)]);
    }
    const [first, second] = await Promise.all(seen);
    // None had to be looked for after ten seconds of silence.
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(first?.map((c) => c.revision)).toEqual(Array.from({ length: 90 }, (_, i) => start + 1 + i));
    expect(second).toEqual(first);
    await one.close();
    await other.close();
  });
});

describe("a store whose Redis goes away", () => {
  it("makes every write exactly once while Redis is killed again and again", async () => {
    const store = await open(10_000);
    const stop = new AbortController();
    const changes: Change[] = [];
    const following = (async () => {
      for await (const batch of store.changes(1, stop.signal)) changes.push(...batch);
    })();
    const acknowledged: number[] = [];
    const writing = new AbortController();
    const writers = Array.from({ length: 8 }, async (_, w) => {
      for (let i = 0; !writing.signal.aborted; i++) {
        const key = pod(`w${w}-${i}`);
        const created = await store.create(key, `${i}`);
        const updated = await store.update(key, `${i}+`, created);
        acknowledged.push(created, updated);
        if (i % 2) acknowledged.push(await store.delete(key, `${i}+`, updated));
      }
    });
    for (let i = 0; i < 4; i++) {
      await new Promise((r) => setTimeout(r, 150));
      await server.kill();
      await new Promise((r) => setTimeout(r, 50));
      await server.start();
    }
    await new Promise((r) => setTimeout(r, 150));
    writing.abort();
    await Promise.all(writers);
    const end = await store.revision();
    await expect.poll(() => changes.at(-1)?.revision).toBe(end);
    stop.abort();
    await following;
    expect(changes.map((c) => c.revision)).toEqual(Array.from({ length: end - 1 }, (_, i) => i + 2));
    expect(acknowledged.toSorted((a, b) => a - b)).toEqual(changes.map((c) => c.revision));
    await store.close();
  });

  it("answers 503 when it never came to be written and 504 when that is unknown", async () => {
    const store = await open(200);
    await server.pause();
    const unknown = await store.create(pod("a"), "{}").catch((e: { code: number }) => e.code);
    await server.resume();
    await server.kill();
    const never = await store.create(pod("b"), "{}").catch((e: { code: number }) => e.code);
    await server.start();
    expect([unknown, never]).toEqual([504, 503]);
    await expect.poll(() => store.get(pod("b"))).toBeUndefined();
    await store.close();
  });

  it("fails a repeated write only for reasons that are not its own first attempt", async () => {
    const store = await open();
    await store.create(pod("taken"), "{}");
    const failed = await store.create(pod("taken"), "{}").catch((e: unknown) => e);
    expect(failed).toBeInstanceOf(StoreError);
    expect((await take(store, 1, 1, new AbortController().signal)).length).toBe(1);
    await store.close();
  });
});

describe("a store in Redis as the cluster configures it", () => {
  const USERS = "/pki/users.acl";
  let configured: TestRedis;
  beforeAll(async () => {
    const password = "of the API server";
    configured = await startTestRedis({
      // TLS is the connection's affair, not the log's.
      config: redisConfig.replace("port 0\n", "port 6379\n").replaceAll(/^tls-.*\n/gm, ""),
      users: { content: redisUsers(password), target: USERS },
      username: "apiserver",
      password,
    });
    expect(redisConfig).toContain(`aclfile ${USERS}\n`);
  });
  afterAll(() => configured.remove());

  it("has every acknowledged write after kill -9", async () => {
    const store = createRedisStore({ redis: configured.options, patienceMs: 10_000 });
    const wanted: Record<string, { revision: number; body: string } | undefined> = {};
    for (let round = 0; round < 2; round++) {
      const names = Array.from({ length: 40 }, (_, i) => `r${round}-${i}`);
      await Promise.all(
        names.map(async (name, i) => {
          const created = await store.create(pod(name), "{}");
          wanted[name] = { revision: created, body: "{}" };
          if (i % 2 === 0) return;
          const body = `{"round":${round}}`;
          wanted[name] = { revision: await store.update(pod(name), body, created), body };
          if (i % 3 !== 0) return;
          await store.delete(pod(name), body, wanted[name].revision);
          wanted[name] = undefined;
        }),
      );
      const revision = await store.revision();
      await configured.kill();
      await configured.start();
      expect(await store.revision()).toBe(revision);
      for (const [name, object] of Object.entries(wanted))
        expect(await store.get(pod(name))).toEqual(object && { key: pod(name), ...object });
    }
    await store.close();
  });
});
