import type { CachedObject } from "../watch/cache.ts";
import type { Kind, WriteContext } from "./kind.ts";
import type { Registry } from "./registry.ts";
import { written } from "./storage-text.ts";
import { release } from "./strategy.ts";

export interface Removal {
  readonly kind: Kind;
  readonly current: CachedObject;
  /** The last state, which watchers see. */
  readonly text: string;
  readonly ctx: WriteContext;
}

/** Takes an object out of the store and gives back what was reserved for it. @throws StoreError */
export async function removeObject(registry: Registry, removal: Removal): Promise<CachedObject> {
  const { kind, current, text, ctx } = removal;
  const revision = await registry.store.delete(current.key, text, current.revision);
  await release(kind, current.object, ctx);
  return written(current.key, revision, text);
}
