import { configMaps } from "@coracle/shared/api/resources.ts";
import { openBench, kubeconfigFile } from "./cluster.ts";
import { clusterContainers, cpuBetween } from "./containers.ts";
import { clock, sentField, type RequestsJob } from "./load/jobs.ts";
import { startLoad, type Measured } from "./load/load.ts";
import { inParallel, median, milliseconds, percentile, report, type Row } from "./measure.ts";
import { startRawNats } from "./raw-nats.ts";
import { startRawRedis, type RawRedis } from "./raw-redis.ts";

/**
 * The API over HTTPS, as any client sees it: writes and reads of a 1 KiB ConfigMap, lists of 5,000, 50 watches. Each stands beside
 * its floor in the same run: bare EVALSHA calls with fsync, HGET and HVALS on a Redis of its own, and a bare NATS fan-out. Goals are
 * the multiples of upstream's figures in the plan. The client is a process of its own (load/worker.ts) that speaks to the API server's
 * container directly.
 */
const listed = 5_000;
const pageSize = 500;
const watchers = 50;
const updatesPerSecond = 100;
const updates = 1_000;
const warmUp = 200;
const filling = "x".repeat(900);

await using bench = await openBench();
await using redis = await startRawRedis();
const containers = clusterContainers();
const server = containers.find((c) => c.name.startsWith("apiserver"));
if (!server) throw new Error("no API server is running");
using load = await startLoad({ kubeconfig: kubeconfigFile, host: server.address, port: 6443 });
const { client, namespace } = bench;

const path = `/api/v1/namespaces/${namespace}/configmaps`;
const json = "application/json";
const text = (name: string, value = "", labels: Record<string, string> = {}): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace, labels },
    data: { text: value, filling },
  });
const rows: Row[] = [];

interface Round {
  readonly width: number;
  readonly count: number;
  readonly floorCount: number;
  readonly goals: Readonly<Record<string, string>>;
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

for (const round of rounds) await measureRound(round);
await list();
await watch();
memory();
report(rows);

async function measureRound({ width, count, floorCount, goals }: Round): Promise<void> {
  const name = `c${width}-{i}`;
  const common = { kind: "requests", contentType: json, width, count, expect: 200 } as const;
  // What runs for the first time is slower than what is measured should be.
  await load.run({ ...common, method: "POST", path, body: text(`warm${width}-{i}`), expect: 201 });
  const jobs: Readonly<Record<string, RequestsJob>> = {
    create: { ...common, method: "POST", path, body: text(name), expect: 201 },
    get: { ...common, method: "GET", path: `${path}/${name}` },
    update: { ...common, method: "PUT", path: `${path}/${name}`, body: text(name, "updated") },
    patch: {
      ...common,
      method: "PATCH",
      path: `${path}/${name}`,
      body: JSON.stringify({ data: { text: "patched" } }),
      contentType: "application/merge-patch+json",
    },
  };
  const floors = await redisFloors(redis, width, floorCount);
  for (const [verb, job] of Object.entries(jobs)) {
    const before = containers.map((c) => c.cpuMs());
    const measured = await load.run(job);
    const floor = floors[verb];
    const what = `${verb}, concurrency ${width}`;
    rows.push(
      { what, value: measured.perSecond, unit: "/s", floor: floor?.perSecond, goal: goals[verb] },
      { what: "  p50", value: measured.p50, unit: "ms", floor: floor?.p50 },
      { what: "  p99", value: measured.p99, unit: "ms", floor: floor?.p99 },
    );
    console.log(`${what}: CPU per request: ${cpuBetween(containers, before, measured)}`);
  }
}

type Floor = Pick<Measured, "perSecond" | "p50" | "p99">;

async function redisFloors(raw: RawRedis, width: number, count: number): Promise<Record<string, Floor>> {
  const body = text("name");
  const key = (i: number): string => `${width}-${i}`;
  const create = await floorRate(width, count, (i) => raw.create(key(i), body));
  const get = await floorRate(width, count, (i) => raw.get(key(i)));
  const update = await floorRate(width, count, (i) => raw.update(key(i), body));
  return { create, get, update, patch: update };
}

async function floorRate(width: number, count: number, work: (i: number) => Promise<void>): Promise<Floor> {
  const times: number[] = [];
  const total = await milliseconds(() =>
    inParallel(count, width, async (i) => void times.push(await milliseconds(() => work(i)))),
  );
  return { perSecond: (count / total) * 1000, p50: median(times), p99: percentile(times, 0.99) };
}

async function list(): Promise<void> {
  const body = text("l-{i}", "", { bench: "list" });
  const requests = { kind: "requests", contentType: json, expect: 201 } as const;
  await load.run({ ...requests, method: "POST", path, body, width: 32, count: listed });
  const query = `${path}?labelSelector=bench%3Dlist`;
  const whole: number[] = [];
  const paged: number[] = [];
  const floor: number[] = [];
  await redis.fill(listed, text("name"));
  for (let i = 0; i < 10; i++) {
    floor.push(await milliseconds(() => redis.list()));
    whole.push(await milliseconds(() => readPages(query, listed)));
    paged.push(await milliseconds(() => readPages(`${query}&limit=${pageSize}`, listed)));
  }
  const floorMs = median(floor);
  const ofPages = `list of ${listed} in pages of ${pageSize}, p50`;
  rows.push(
    { what: `list of ${listed}, p50`, value: median(whole), unit: "ms", floor: floorMs, goal: "≤ 61 ms" },
    { what: ofPages, value: median(paged), unit: "ms", floor: floorMs, goal: "≤ 95 ms" },
  );
}

/** Reads a list to its end, without making objects of it. */
async function readPages(query: string, expected: number): Promise<void> {
  let seen = 0;
  let token: string | undefined;
  do {
    const { body } = await client.request("GET", token ? `${query}&continue=${token}` : query);
    const page = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    for (let at = page.indexOf('"uid":"'); at >= 0; at = page.indexOf('"uid":"', at + 1)) seen++;
    token = /"continue":"([^"]+)"/.exec(page.toString("latin1", 0, 1_000))?.[1];
  } while (token);
  if (seen !== expected) throw new Error(`the list has ${seen} items, not ${expected}`);
}

/** From when a change is sent until each of the watchers has it. */
async function watch(): Promise<void> {
  await using nats = await startRawNats();
  const { url, subject } = nats;
  const floor = await load.run(
    { kind: "subscribe", url, subject, subscribers: watchers, count: updates },
    () => void steadily(updates, () => nats.publish()),
  );
  const objects = 20;
  const names = Array.from({ length: objects }, (_, i) => `w-${i}`);
  const object = (name: string, value: string) => ({
    metadata: { name, namespace },
    data: { text: value, filling },
  });
  for (const name of names) await client.create(configMaps, object(name, ""));
  const follow = async (count: number): Promise<Measured> => {
    const { metadata } = await client.list(configMaps, { namespace, limit: 1 });
    const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=600&resourceVersion=${metadata.resourceVersion}`;
    const puts: Promise<unknown>[] = [];
    const put = (i: number): void => {
      const name = names[i % objects] ?? "";
      puts.push(client.update(configMaps, object(name, `${sentField}${clock()}`)));
    };
    const job = { kind: "watch", path: `${path}?${query}`, watchers, count } as const;
    const measured = await load.run(job, () => void steadily(count, put));
    await Promise.all(puts);
    return measured;
  };
  // As with requests, what runs for the first time is slower than what is measured should be.
  await follow(warmUp);
  const before = containers.map((c) => c.cpuMs());
  const measured = await follow(updates);
  const lost = watchers * updates - measured.count;
  const what = `watch, ${watchers} watchers at ${updatesPerSecond}/s`;
  rows.push(
    { what: `${what}, p50`, value: measured.p50, unit: "ms", floor: floor.p50, goal: "≤ 2.85 ms" },
    { what: `${what}, p99`, value: measured.p99, unit: "ms", floor: floor.p99, goal: "≤ 11 ms" },
  );
  console.log(`${what}: ${measured.count} deliveries, ${lost} lost`);
  console.log(`${what}: CPU per delivery: ${cpuBetween(containers, before, measured)}`);
  if (lost > 0) process.exitCode = 1;
}

/** Calls back at the rate of the updates, without falling behind for long. */
async function steadily(count: number, act: (i: number) => void): Promise<void> {
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const wait = start + (i * 1000) / updatesPerSecond - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    act(i);
  }
}

/** After all that, below upstream's. */
function memory(): void {
  const goals: Readonly<Record<string, number>> = {
    apiserver: 599,
    "controller-manager": 116,
    scheduler: 78,
    kubelet: 100,
    "kube-proxy": 37,
  };
  for (const { name, residentMiB, proportionalMiB } of containers) {
    const goal = goals[name.replace(/-\d+$/, "")];
    if (!goal) continue;
    rows.push(
      { what: `memory of ${name}, resident`, value: residentMiB(), unit: "MiB", goal: `< ${goal} MiB` },
      { what: "  with shared pages counted in part", value: proportionalMiB(), unit: "MiB" },
    );
  }
}
