import { pino } from "pino";
import { expect, it } from "vitest";
import { deployments, pods, replicaSets, type Resource } from "../api/resources.ts";
import { createInformerCache, type InformerCache } from "../informer/cache.ts";
import { createInformerFactory } from "../informer/factory.ts";
import type { KubeObject } from "../meta/object.ts";
import { defineController, type Controller, type ControllerContext } from "./controller.ts";
import { runControllers } from "./manager.ts";

const log = pino({ level: "silent" });

function start(controller: Controller) {
  const caches = new Map<string, InformerCache<never>>();
  const informers = createInformerFactory(<T>(resource: Resource<T>) => {
    const cache = createInformerCache(resource, {}, log);
    caches.set(resource.plural, cache as unknown as InformerCache<never>);
    return {
      cache,
      run: () => {
        cache.markSynced();
        return Promise.resolve();
      },
    };
  });
  const stop = new AbortController();
  const context = {
    informers,
    log,
    clock: { now: Date.now },
    signal: stop.signal,
  } as unknown as ControllerContext;
  const done = runControllers([controller], context);
  let revision = 0;
  const put = (resource: Resource<unknown>, object: object): void =>
    caches.get(resource.plural)?.upsert(
      Object.assign(structuredClone(object), {
        metadata: { ...(object as KubeObject).metadata, resourceVersion: String(++revision) },
      }) as never,
    );
  return { put, stop: () => stop.abort(), done };
}
const owned = (name: string, owner: string, kind = "ReplicaSet", apiVersion = "apps/v1") => ({
  metadata: {
    name,
    namespace: "ns",
    uid: name,
    ownerReferences: [{ apiVersion, kind, name: owner, uid: owner, controller: true }],
  },
});

it("reconciles an object's key for itself, for what it owns, and for the owner that lost something", async () => {
  const seen: string[] = [];
  const run = start(
    defineController({
      name: "test",
      for: replicaSets,
      owns: [pods],
      watches: [{ resource: deployments, keys: (object) => [`mapped/${object.metadata.name}`] }],
      reconcile: (key) => {
        seen.push(key);
        return Promise.resolve();
      },
    }),
  );
  const next = async (action: () => void): Promise<string[]> => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    seen.length = 0;
    action();
    await new Promise((resolve) => setTimeout(resolve, 5));
    return seen.toSorted();
  };
  expect(await next(() => run.put(replicaSets, { metadata: { name: "rs", namespace: "ns" } }))).toEqual([
    "ns/rs",
  ]);
  expect(await next(() => run.put(pods, owned("p", "rs")))).toEqual(["ns/rs"]);
  expect(await next(() => run.put(pods, owned("p", "other")))).toEqual(["ns/other", "ns/rs"]);
  expect(await next(() => run.put(pods, owned("q", "rs", "ReplicaSet", "v1")))).toEqual([]);
  expect(await next(() => run.put(pods, owned("r", "rs", "Job")))).toEqual([]);
  expect(await next(() => run.put(deployments, { metadata: { name: "d", namespace: "ns" } }))).toEqual([
    "mapped/d",
  ]);
  run.stop();
  await run.done;
});

it("tries again after an error with back-off, looks again when asked to, and stops between keys", async () => {
  const times: number[] = [];
  const run = start(
    defineController({
      name: "retry",
      for: pods,
      reconcile: () => {
        times.push(performance.now());
        if (times.length < 4) return Promise.reject(new Error("not yet"));
        return Promise.resolve(times.length === 4 ? { requeueAfterMs: 30 } : undefined);
      },
    }),
  );
  run.put(pods, { metadata: { name: "p", namespace: "ns" } });
  await expect.poll(() => times.length).toBe(5);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(times.length).toBe(5);
  expect((times[4] ?? 0) - (times[3] ?? 0)).toBeGreaterThan(25);
  run.stop();
  await run.done;
});
