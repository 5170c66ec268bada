import type { ConfigMap } from "@coracle/shared/api/generated/core-v1.ts";
import { configMaps } from "@coracle/shared/api/resources.ts";
import { openBench } from "./cluster.ts";
import { median, milliseconds, percentile, report, type Row } from "./measure.ts";
import { startRawRedis } from "./raw-redis.ts";

/**
 * The API over HTTPS, as any client sees it: writes and reads of a 1 KiB ConfigMap, lists of 5,000, watches. Writes stand beside
 * bare EVALSHA calls with fsync on a Redis of its own in the same run; goals are the multiples of upstream's figures in the plan.
 */
const listed = 5_000;
const pageSize = 500;
const watchers = 50;
const updatesPerSecond = 100;
const updates = 1_000;
/** After the last update; what has not come by then is lost. */
const patienceMs = 5_000;
const filling = "x".repeat(900);

await using bench = await openBench();
await using redis = await startRawRedis();
const { client, namespace } = bench;

const configMap = (name: string, text = ""): ConfigMap => ({
  metadata: { name, namespace },
  data: { text, filling },
});
const body = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", ...configMap("name") });

interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function rate(width: number, count: number, work: (i: number) => Promise<unknown>): Promise<Measured> {
  const times: number[] = [];
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < count) {
      const i = next++;
      times.push(await milliseconds(() => work(i)));
    }
  };
  const total = await milliseconds(() => Promise.all(Array.from({ length: width }, loop)));
  return { perSecond: (count / total) * 1000, p50: median(times), p99: percentile(times, 0.99) };
}

const rows: Row[] = [];
function show(what: string, measured: Measured, floor?: Measured, goal?: string): void {
  rows.push({ what, value: measured.perSecond, unit: "/s", floor: floor?.perSecond, goal });
  rows.push({ what: `  ${what}, p99`, value: measured.p99, unit: "ms", floor: floor?.p99 });
}

interface Goals {
  readonly create: string;
  readonly get?: string;
  readonly update?: string;
  readonly patch?: string;
}
interface Round {
  readonly width: number;
  readonly count: number;
  readonly floorCount: number;
  readonly goals: Goals;
}
const rounds: readonly Round[] = [
  { width: 1, count: 300, floorCount: 1_000, goals: { create: "≥ 1116 /s" } },
  {
    width: 32,
    count: 3_000,
    floorCount: 10_000,
    goals: { create: "≥ 3183 /s", get: "≥ 5418 /s", update: "≥ 3399 /s", patch: "≥ 2343 /s" },
  },
];

for (const { width, count, floorCount, goals } of rounds) {
  const name = (i: number): string => `c${width}-${i}`;
  const at = (i: number) => ({ namespace, name: name(i) });
  // What runs for the first time is slower than what is measured should be.
  await rate(width, 100, (i) => client.create(configMaps, configMap(`warm${width}-${i}`)));
  const floor = await rate(width, floorCount, (i) => redis.write(name(i), body));
  const created = await rate(width, count, (i) => client.create(configMaps, configMap(name(i))));
  show(`create, concurrency ${width}`, created, floor, goals.create);
  show(
    `get, concurrency ${width}`,
    await rate(width, count, (i) => client.get(configMaps, at(i))),
    undefined,
    goals.get,
  );
  const updated = await rate(width, count, (i) => client.update(configMaps, configMap(name(i), "updated")));
  show(`update, concurrency ${width}`, updated, floor, goals.update);
  const patched = await rate(width, count, (i) =>
    client.patch(configMaps, at(i), { type: "merge", body: { data: { text: "patched" } } }),
  );
  show(`patch, concurrency ${width}`, patched, floor, goals.patch);
}

await list();
await watch();
report(rows);

async function list(): Promise<void> {
  const selector = { labelSelector: "bench=list" };
  await rate(32, listed, (i) => {
    const made = configMap(`l-${i}`);
    return client.create(configMaps, { ...made, metadata: { ...made.metadata, labels: { bench: "list" } } });
  });
  const whole: number[] = [];
  const paged: number[] = [];
  for (let i = 0; i < 10; i++) {
    whole.push(
      await milliseconds(async () => {
        const { items } = await client.list(configMaps, { namespace, ...selector });
        if (items.length !== listed) throw new Error(`the list has ${items.length} items`);
      }),
    );
    paged.push(
      await milliseconds(async () => {
        let seen = 0;
        let token: string | undefined;
        do {
          const page = await client.list(configMaps, {
            namespace,
            ...selector,
            limit: pageSize,
            ...(token ? { continue: token } : {}),
          });
          seen += page.items.length;
          token = page.metadata.continue;
        } while (token);
        if (seen !== listed) throw new Error(`the pages have ${seen} items`);
      }),
    );
  }
  rows.push({ what: `list of ${listed}, p50`, value: median(whole), unit: "ms", goal: "≤ 61 ms" });
  rows.push({
    what: `list of ${listed} in pages of ${pageSize}, p50`,
    value: median(paged),
    unit: "ms",
    goal: "≤ 95 ms",
  });
}

/** From when a PUT is sent until each of the watchers has its line. */
async function watch(): Promise<void> {
  const objects = 20;
  const name = (i: number): string => `w-${i % objects}`;
  for (let i = 0; i < objects; i++) await client.create(configMaps, configMap(name(i)));
  const { metadata } = await client.list(configMaps, { namespace, limit: 1 });
  const sentAt: number[] = [];
  const delays: number[] = [];
  const seen = Array.from({ length: watchers }, () => new Set<number>());
  const everything = Promise.withResolvers<void>();
  const stop = new AbortController();

  const follow = async (watcher: number, opened: () => void): Promise<void> => {
    const path =
      `/api/v1/namespaces/${namespace}/configmaps?watch=true&allowWatchBookmarks=true` +
      `&timeoutSeconds=600&resourceVersion=${metadata.resourceVersion}`;
    const headers = { accept: "application/json" };
    const response = await client.transport.stream({ method: "GET", path, headers, signal: stop.signal });
    if (response.status !== 200) throw new Error(`watch answered ${response.status}`);
    opened();
    for await (const line of response.lines) {
      // Cheaper than to parse: this process is also the one that sends.
      const update = Number(/"text":"update-(\d+)"/.exec(line)?.[1] ?? Number.NaN);
      if (Number.isNaN(update) || seen[watcher]?.has(update)) continue;
      delays.push(performance.now() - (sentAt[update] ?? Number.NaN));
      seen[watcher]?.add(update);
      if (delays.length === watchers * updates) everything.resolve();
    }
  };
  const ends: Promise<void>[] = [];
  await Promise.all(
    seen.map(
      (_, watcher) =>
        new Promise<void>((opened, failed) => {
          ends.push(
            follow(watcher, opened).catch((error: unknown) => {
              if (!stop.signal.aborted) failed(error);
            }),
          );
        }),
    ),
  );
  const start = performance.now();
  const puts: Promise<unknown>[] = [];
  for (let i = 0; i < updates; i++) {
    const due = start + (i * 1000) / updatesPerSecond;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    sentAt[i] = performance.now();
    puts.push(client.update(configMaps, configMap(name(i), `update-${i}`)));
  }
  await Promise.all(puts);
  await Promise.race([everything.promise, new Promise((resolve) => setTimeout(resolve, patienceMs))]);
  stop.abort();
  await Promise.all(ends);
  const lost = watchers * updates - delays.length;
  const what = `watch, ${watchers} watchers at ${updatesPerSecond}/s`;
  rows.push({ what: `${what}, p50`, value: median(delays), unit: "ms", goal: "≤ 2.85 ms" });
  rows.push({ what: `${what}, p99`, value: percentile(delays, 0.99), unit: "ms", goal: "≤ 11 ms" });
  console.log(`${what}: ${delays.length} events received, ${lost} lost`);
  if (lost > 0) process.exitCode = 1;
}
