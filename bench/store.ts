/**
 * The store against its floor: the same bytes through bare EVALSHA calls of a script that does what a create must do, on the
 * same Redis in the same run. And what the watch cache costs: memory with 30,000 pods, the way from a write to a watcher,
 * lists. `node bench/store.ts [pods]` starts a Redis of its own.
 */
import { Redis } from "ioredis";
import { createRedisStore } from "../apiserver/src/store/redis.ts";
import type { Store } from "../apiserver/src/store/store.ts";
import { startTestRedis } from "../apiserver/src/store/test-redis.ts";
import { createWatchCache } from "../apiserver/src/watch/cache.ts";

const floorScript = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return -1 end
local r = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('XADD', KEYS[3], r .. '-0', 'k', ARGV[1], 'b', ARGV[2])
return r`;

const text = JSON.stringify({
  kind: "ConfigMap",
  apiVersion: "v1",
  metadata: { name: "x", namespace: "default" },
  data: { text: "x".repeat(900) },
});

interface Rate {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function rate(
  concurrency: number,
  total: number,
  work: (i: number) => Promise<unknown>,
): Promise<Rate> {
  const times: number[] = [];
  let next = 0;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < total) {
        const i = next++;
        const at = performance.now();
        await work(i);
        times.push(performance.now() - at);
      }
    }),
  );
  const perSecond = (total / (performance.now() - begin)) * 1000;
  times.sort((a, b) => a - b);
  const at = (q: number): number => times[Math.floor(times.length * q)] ?? 0;
  return { perSecond, p50: at(0.5), p99: at(0.99) };
}

const show = (name: string, r: Rate, floor?: Rate): void => {
  const ratio = floor ? `  ${(r.perSecond / floor.perSecond).toFixed(2)} × floor` : "";
  process.stdout.write(
    `${name.padEnd(28)} ${r.perSecond.toFixed(0).padStart(7)}/s  p50 ${r.p50.toFixed(2)} ms  p99 ${r.p99.toFixed(2)} ms${ratio}\n`,
  );
};

async function writes(store: Store, floor: Redis): Promise<void> {
  const sha = (await floor.script("LOAD", floorScript)) as string;
  for (const [concurrency, total] of [
    [1, 4_000],
    [32, 40_000],
  ] as const) {
    const key = (i: number): string => `configmaps/default/f${concurrency}-${i}`;
    const base = await rate(concurrency, total, (i) =>
      floor.evalsha(sha, 3, "floor", "floor-revision", "floor-changes", key(i), text),
    );
    show(`floor, concurrency ${concurrency}`, base);
    const name = (i: number) => ({
      resource: "configmaps",
      namespace: "default",
      name: `c${concurrency}-${i}`,
    });
    show(
      `create, concurrency ${concurrency}`,
      await rate(concurrency, total, (i) => store.create(name(i), text)),
      base,
    );
    show(`get, concurrency ${concurrency}`, await rate(concurrency, total, (i) => store.get(name(i))), base);
  }
}

const pod = (i: number): string =>
  JSON.stringify({
    kind: "Pod",
    apiVersion: "v1",
    metadata: {
      name: `pod-${i}`,
      namespace: `ns-${i % 50}`,
      uid: crypto.randomUUID(),
      labels: { app: `app-${i % 100}`, "pod-template-hash": "5d4f8c7b9d" },
      managedFields: Array.from({ length: 2 }, () => ({ manager: "x", fieldsV1: { f: "y".repeat(700) } })),
    },
    spec: {
      nodeName: `node-${i % 20}`,
      containers: [
        {
          name: "c",
          image: "nginx",
          env: Array.from({ length: 10 }, (_, e) => ({ name: `V${e}`, value: "value" })),
        },
      ],
      volumes: [
        { name: "kube-api-access", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
      ],
    },
    status: {
      phase: "Running",
      conditions: Array.from({ length: 5 }, (_, c) => ({
        type: `T${c}`,
        status: "True",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      })),
    },
  });

async function cache(store: Store, pods: number): Promise<void> {
  await rate(64, pods, (i) =>
    store.create({ resource: "pods", namespace: `ns-${i % 50}`, name: `pod-${i}` }, pod(i)),
  );
  const stop = new AbortController();
  const view = createWatchCache(store);
  let begin = performance.now();
  await view.start(stop.signal);
  const took = performance.now() - begin;
  globalThis.gc?.();
  const { bytes, objects } = view.stats();
  const rss = process.memoryUsage.rss() / 2 ** 20;
  process.stdout.write(
    `cache of ${objects} objects, ${(bytes / 2 ** 20).toFixed(0)} MiB of JSON: loaded in ${took.toFixed(0)} ms, process ${rss.toFixed(0)} MiB\n`,
  );
  begin = performance.now();
  const listed = Buffer.concat(view.list("pods", { limit: 5_000 }).items.map((o) => o.json()));
  process.stdout.write(
    `list of 5,000 (${(listed.length / 2 ** 20).toFixed(1)} MiB): ${(performance.now() - begin).toFixed(1)} ms\n`,
  );
  await fanOut(store, view, stop);
  stop.abort();
}

/** 100 updates a second seen by 50 watchers. */
async function fanOut(
  store: Store,
  view: ReturnType<typeof createWatchCache>,
  stop: AbortController,
): Promise<void> {
  const sent = new Map<number, number>();
  const late: number[] = [];
  const watchers = Array.from({ length: 50 }, async () => {
    for await (const event of view.watch("pods", { after: view.revision, signal: stop.signal })) {
      if (typeof event !== "number")
        late.push(performance.now() - (sent.get(event.current.object["n"] as number) ?? 0));
    }
  });
  const key = { resource: "pods", namespace: "ns-0", name: "pod-0" };
  let { revision = 0 } = (await store.get(key)) ?? {};
  for (let n = 0; n < 300; n++) {
    sent.set(n, performance.now());
    revision = await store.update(
      key,
      JSON.stringify({ metadata: { name: "pod-0", namespace: "ns-0" }, n }),
      revision,
    );
    await new Promise((r) => setTimeout(r, 10));
  }
  await view.waitFor(revision);
  await new Promise((r) => setTimeout(r, 100));
  late.sort((a, b) => a - b);
  const at = (q: number): string => (late[Math.floor(late.length * q)] ?? 0).toFixed(2);
  process.stdout.write(
    `write → watcher, 50 watchers: ${late.length} of ${300 * 50}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms\n`,
  );
  stop.abort();
  await Promise.all(watchers);
}

const server = await startTestRedis();
const store = createRedisStore({ redis: server.options });
const floor = new Redis({ ...server.options, protocol: 2 });
try {
  await store.revision();
  await writes(store, floor);
  await cache(store, Number(process.argv[2] ?? 30_000));
} finally {
  floor.disconnect();
  await store.close();
  await server.remove();
}
