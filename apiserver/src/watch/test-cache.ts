import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { createMemoryStore } from "../store/memory.ts";
import type { ObjectKey, Store } from "../store/store.ts";
import { createWatchCache, type WatchCache } from "./cache.ts";

/** A cache on a store in memory, for tests of what reads it. */
export interface TestCluster {
  readonly store: Store;
  readonly cache: WatchCache;
  /** Creates or replaces an object; `resource` is the storage name. The cache has it when this resolves. */
  put(resource: string, object: object): Promise<void>;
  remove(resource: string, namespace: string, name: string): Promise<void>;
  stop(): void;
}

export async function createTestCluster(): Promise<TestCluster> {
  const store = createMemoryStore();
  const cache = createWatchCache(store);
  const stopping = new AbortController();
  await cache.start(stopping.signal);
  const settled = async (): Promise<void> => cache.waitFor(await store.revision());
  const at = async (key: ObjectKey): Promise<number | undefined> => (await store.get(key))?.revision;
  return {
    store,
    cache,
    async put(resource, object) {
      const { name = "", namespace = "", ...rest } = (object as KubeObject).metadata;
      const key = { resource, namespace, name };
      const metadata: Record<string, unknown> = { name, ...(namespace ? { namespace } : {}), ...rest };
      delete metadata["resourceVersion"];
      const body = JSON.stringify({ ...object, metadata });
      const revision = await at(key);
      if (revision === undefined) await store.create(key, body);
      else await store.update(key, body, revision);
      await settled();
    },
    async remove(resource, namespace, name) {
      const key = { resource, namespace, name };
      await store.delete(key, (await store.get(key))?.body ?? "{}", (await at(key)) ?? 0);
      await settled();
    },
    stop: () => stopping.abort(),
  };
}
