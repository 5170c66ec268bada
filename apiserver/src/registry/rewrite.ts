import { notFound, staleResourceVersion } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { clone } from "../patch/json.ts";
import { StoreError } from "../store/store.ts";
import type { CachedObject } from "../watch/cache.ts";
import type { Kind } from "./kind.ts";
import { maxAttempts } from "./races.ts";
import { groupResource, keyFor, type Registry } from "./registry.ts";
import { notWritten, storageText, written } from "./storage-text.ts";

export interface Rewrite {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly dryRun: boolean;
  /** Begin with what is stored, even where the cache may be a little behind. */
  readonly fresh?: boolean;
  /** Changes a copy of the stored object in place; runs again after a lost race. */
  readonly change: (object: KubeObject, current: CachedObject) => void;
}

/**
 * Writes a stored object without its kind's rules for updates: what the server itself does to it (a pod is bound, a budget is
 * charged). @throws ApiError 404, 409
 */
export async function rewriteObject(registry: Registry, rewrite: Rewrite): Promise<CachedObject> {
  const { kind, name } = rewrite;
  const key = keyFor(kind, rewrite.namespace, name);
  let current = rewrite.fresh ? undefined : registry.cache.get(key);
  for (let attempt = 1; ; attempt++) {
    if (!current) {
      const stored = await registry.store.get(key);
      current = stored && written(key, stored.revision, stored.body);
    }
    if (!current) throw notFound(groupResource(kind), name);
    const object = clone(current.object);
    rewrite.change(object, current);
    const text = storageText(object);
    if (rewrite.dryRun) return notWritten(key, current.revision, text);
    try {
      return written(key, await registry.store.update(key, text, current.revision), text);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (attempt >= maxAttempts) throw staleResourceVersion(groupResource(kind), name);
      current = undefined;
    }
  }
}
