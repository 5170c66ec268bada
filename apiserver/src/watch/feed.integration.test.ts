import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pods, secrets, storageNameOf, type Resource } from "@coracle/shared/api/resources.ts";
import type { Bus } from "@coracle/shared/bus/connect.ts";
import { startTestNats, type TestNats } from "@coracle/shared/bus/test-nats.ts";
import { createNatsClient } from "@coracle/shared/client/nats.ts";
import { pathNotFound } from "@coracle/shared/errors.ts";
import { createFeedInformerFactory } from "@coracle/shared/informer/feed.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { CHANGES_PATH, createChangesHandler } from "../nats/changes.ts";
import { serveApi } from "../nats/serve.ts";
import type { ApiRequest, ApiResponse } from "../request.ts";
import { createMemoryStore } from "../store/memory.ts";
import { createWatchCache } from "./cache.ts";
import { startFeedPublisher } from "./feed.ts";
import type { WatchCache } from "./types.ts";

const log = pino({ level: "silent" });
const store = createMemoryStore();
const stop = new AbortController();
let nats: TestNats;
let scheduler: Bus;
let kubelet: Bus;

beforeAll(async () => {
  nats = await startTestNats(["apiserver", "scheduler", "controller-manager", "node_n1"]);
  scheduler = await nats.connect("scheduler");
  kubelet = await nats.connect("node_n1");
});
afterAll(async () => {
  stop.abort();
  await nats.remove();
});

/** An API server that only lists and tells changes. */
async function startReplica(): Promise<{ stop(): Promise<void> }> {
  const end = new AbortController();
  const bus = await nats.connect("apiserver");
  const cache = createWatchCache(store);
  await cache.start(end.signal);
  const changes = createChangesHandler({ cache, authorize: () => ({ allowed: true }) });
  const serving = serveApi(bus.nc, (request) =>
    request.path === CHANGES_PATH && request.connectionUser
      ? changes(request, request.connectionUser)
      : Promise.resolve(list(cache, request)),
  );
  startFeedPublisher({ bus, cache, signal: end.signal, tickMs: 50 });
  return {
    stop: async () => {
      end.abort();
      await serving.stop();
      await bus.close();
    },
  };
}

function list(cache: WatchCache, { path, query }: ApiRequest): ApiResponse {
  const resource = path.split("/").at(-1) ?? "";
  if (!["pods", "secrets"].includes(resource)) throw pathNotFound();
  const node = /spec\.nodeName=(.*)/.exec(query.get("fieldSelector") ?? "")?.[1];
  const { revision, items } = cache.list(resource);
  const objects = items.map((i) => i.object).filter((o) => node === undefined || nodeOf(o) === node);
  const body = JSON.stringify({ metadata: { resourceVersion: String(revision) }, items: objects });
  return { status: 200, headers: { "content-type": "application/json" }, body };
}
const nodeOf = (object: KubeObject): string => (object["spec"] as { nodeName?: string }).nodeName ?? "";

let serial = 0;
async function change(
  resource: Resource<unknown>,
  name: string,
  spec: object,
  remove = false,
): Promise<void> {
  const key = { resource: storageNameOf(resource), namespace: "default", name };
  const have = await store.get(key);
  const uid = have ? (JSON.parse(have.body) as KubeObject).metadata.uid : `u${++serial}`;
  const body = JSON.stringify({ metadata: { name, namespace: "default", uid }, spec });
  if (!have) await store.create(key, body);
  else if (remove) await store.delete(key, body, have.revision);
  else await store.update(key, body, have.revision);
}
const factoryOf = (bus: Bus) =>
  createFeedInformerFactory({ bus, client: createNatsClient(bus, { baseDelayMs: 5 }), log });

async function expectEqual(informer: Informer<never>, belongs: (o: KubeObject) => boolean): Promise<void> {
  const { objects } = await store.snapshot();
  const want = objects
    .filter((o) => o.key.resource === storageNameOf(informer.resource))
    .filter((o) => belongs(JSON.parse(o.body) as KubeObject))
    .map((o) => `${o.key.namespace}/${o.key.name} ${o.revision}`)
    .toSorted((a, b) => (a < b ? -1 : 1));
  const have = (): string[] =>
    [...(informer as unknown as Informer<KubeObject>).list()]
      .map((o) => `${keyOf(o)} ${o.metadata.resourceVersion}`)
      .toSorted((a, b) => (a < b ? -1 : 1));
  await expect.poll(have, { timeout: 20_000 }).toEqual(want);
}

it("keeps informers equal to the store while brokers and API servers are killed under load", async () => {
  const first = await startReplica();
  const informers = [factoryOf(scheduler), factoryOf(kubelet)] as const;
  const ofScheduler = [informers[0].for(pods), informers[0].for(secrets)] as const;
  const mine = informers[1].for(pods, { shard: "n1" });
  await Promise.all(informers.map((factory) => factory.start(stop.signal)));

  let working = true;
  const work = (async () => {
    for (let i = 0; working; i++) {
      const name = `p${i % 17}`;
      await change(pods, name, i % 3 === 0 ? {} : { nodeName: i % 2 === 0 ? "n1" : "n2" }, i % 5 === 4);
      if (i % 4 === 0) await change(secrets, name, { i }, i % 8 === 4);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(300);
  const second = await startReplica();
  await pause(200);
  await nats.kill();
  await pause(500);
  await nats.start();
  await pause(1_500);
  await first.stop();
  await pause(300);
  await nats.pause();
  await pause(500);
  await nats.resume();
  await pause(300);
  working = false;
  await work;
  await expectEqual(ofScheduler[0] as Informer<never>, () => true);
  await expectEqual(ofScheduler[1] as Informer<never>, () => true);
  await expectEqual(mine as Informer<never>, (o) => nodeOf(o) === "n1");
  await second.stop();
}, 60_000);

it("brings a change to an informer within milliseconds, and thousands a second", async () => {
  const replica = await startReplica();
  const factory = factoryOf(scheduler);
  const informer = factory.for(pods);
  await factory.start(stop.signal);
  await expectEqual(informer as Informer<never>, () => true);
  const waits: number[] = [];
  for (let i = 0; i < 200; i++) {
    const began = performance.now();
    const seen = new Promise<void>((resolve) => {
      const off = informer.on({
        update: (o) => {
          if (o.metadata.name !== "timed" || performance.now() < began) return;
          off();
          resolve();
        },
      });
    });
    if (i === 0) await change(pods, "timed", { i: -1 });
    await change(pods, "timed", { i });
    await seen;
    waits.push(performance.now() - began);
  }
  waits.sort((a, b) => a - b);
  const began = performance.now();
  for (let i = 0; i < 5_000; i++) await change(pods, `bulk-${i % 500}`, { i, filler: "x".repeat(2_000) });
  await expectEqual(informer as Informer<never>, () => true);
  const rate = 5_000 / ((performance.now() - began) / 1000);
  console.log(
    `feed: p50 ${waits[100]?.toFixed(2)} ms, p99 ${waits[197]?.toFixed(2)} ms, ${Math.round(rate)} changes/s`,
  );
  expect(waits[100]).toBeLessThan(20);
  await replica.stop();
}, 60_000);
