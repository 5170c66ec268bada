import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ObjectKey, Store } from "../store/store.ts";
import type { WatchCache } from "../watch/cache.ts";

/** Reads one object for a decision about identity. */
export type Lookup = (key: ObjectKey) => Promise<KubeObject | undefined>;

/**
 * Reads from the cache, and from the store what the cache does not have: a token may reach this replica before the cache
 * has seen the ServiceAccount or pod it was issued for.
 */
export const createLookup =
  (cache: Pick<WatchCache, "get">, store: Pick<Store, "get">): Lookup =>
  async (key) => {
    const cached = cache.get(key);
    if (cached) return cached.object;
    const stored = await store.get(key);
    if (!stored) return undefined;
    return JSON.parse(stored.body) as KubeObject;
  };
