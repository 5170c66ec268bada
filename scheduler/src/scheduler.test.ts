import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { namespaces, nodes, pods, type Resource } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { Happening } from "@coracle/shared/client/event-series.ts";
import { createInformerCache } from "@coracle/shared/informer/cache.ts";
import type { InformerFactory } from "@coracle/shared/informer/informer.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import { createScheduler } from "./scheduler.ts";
import { makeNode, makePod } from "./testing.ts";

const log = pino({ level: "silent" });

/** A scheduler whose caches the test fills; what it writes is kept. */
function start(bind: () => Promise<object> = () => Promise.resolve({})) {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const caches = new Map<string, ReturnType<typeof createInformerCache<KubeObject>>>();
  const cacheOf = (resource: Resource<unknown>) => {
    const known = caches.get(resource.plural);
    const cache = known ?? createInformerCache(resource as Resource<KubeObject>, {}, log);
    caches.set(resource.plural, cache);
    return cache;
  };
  const bound: string[] = [];
  const statuses: unknown[] = [];
  const events: Happening[] = [];
  const client = {
    async createSubresource(_: unknown, { name }: { name: string }) {
      await bind();
      bound.push(name);
    },
    patch: (_: unknown, _at: unknown, { body }: { body: { status: unknown } }) => {
      statuses.push(body.status);
      return Promise.resolve({});
    },
  } as unknown as Client;
  const scheduler = createScheduler({
    client,
    informers: { for: cacheOf } as unknown as InformerFactory,
    events: { record: (_, what) => void events.push(what), flush: () => Promise.resolve() },
    log,
    signal: stop.signal,
  });
  let revision = 0;
  const put = (resource: Resource<unknown>, object: object): void => {
    revision += 1;
    const { metadata } = object as KubeObject;
    cacheOf(resource).upsert({ ...object, metadata: { ...metadata, resourceVersion: String(revision) } });
  };
  put(nodes, makeNode("a"));
  scheduler.start();
  return { put, bound, statuses, events };
}

test("that binding failed is told on the pod, by a condition and an event", async () => {
  const { put, statuses, events } = start(() => Promise.reject(new Error("the webhook is down")));
  put(pods, makePod("p"));
  await vi.waitFor(() => expect(statuses).toHaveLength(1));
  expect(statuses[0]).toMatchObject({
    conditions: [{ type: "PodScheduled", reason: "SchedulerError", message: "the webhook is down" }],
  });
  expect(events).toMatchObject([{ reason: "FailedScheduling", note: "the webhook is down" }]);
});

test("a pod that may only be near those of certain namespaces is tried again when one becomes such", async () => {
  const { put, bound, events } = start();
  const other = { metadata: { name: "other", uid: "other", labels: { team: "b" } } };
  put(namespaces, other);
  put(pods, makePod("db", { namespace: "other", labels: { app: "db" }, spec: { nodeName: "a" } }));
  const near: Pod["spec"] = {
    containers: [],
    affinity: {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          {
            topologyKey: "kubernetes.io/hostname",
            labelSelector: { matchLabels: { app: "db" } },
            namespaceSelector: { matchLabels: { team: "a" } },
          },
        ],
      },
    },
  };
  put(pods, makePod("p", { spec: near }));
  await vi.waitFor(() => expect(events.map(({ reason }) => reason)).toEqual(["FailedScheduling"]));
  put(namespaces, { metadata: { ...other.metadata, labels: { team: "a" } } });
  await vi.waitFor(() => expect(bound).toEqual(["p"]), 5_000);
});
