import type { Logger } from "@coracle/shared/log.ts";
import { StoreError, type ObjectKey } from "../store/store.ts";
import type { CachedObject } from "../watch/cache.ts";
import type { Registry } from "./registry.ts";

/** How long an Event is kept after it was last written; upstream's `--event-ttl`. */
const lifeMs = 60 * 60_000;
const everyMs = 60_000;
const storage = "events";

interface Entry {
  readonly key: ObjectKey;
  readonly revision: number;
  readonly until: number;
}

/**
 * Deletes Events that nobody has written to for an hour, until `signal` aborts. Each write puts an entry at the end of a
 * queue, so that a round looks only at what has run out. Every API server does this; the first one wins.
 */
export function expireEvents(registry: Registry, signal: AbortSignal, log?: Logger): void {
  const { cache } = registry;
  const queue = [...cache.all(storage)].map(existing).toSorted((a, b) => a.until - b.until);
  const forget = cache.onChange(({ type, current }) => {
    if (current.key.resource !== storage || type === "DELETED") return;
    queue.push({ key: current.key, revision: current.revision, until: registry.now().getTime() + lifeMs });
  });
  const timer = setInterval(() => {
    removeOld(registry, queue).catch((error: unknown) =>
      log?.warn({ err: error }, "old events could not be removed"),
    );
  }, everyMs);
  timer.unref();
  signal.addEventListener(
    "abort",
    () => {
      clearInterval(timer);
      forget();
    },
    { once: true },
  );
}

/** An Event from before this process: its age is in the object. */
function existing({ key, revision, object }: CachedObject): Entry {
  const { lastTimestamp, eventTime } = object as { lastTimestamp?: string; eventTime?: string };
  const written = Date.parse(lastTimestamp ?? eventTime ?? object.metadata.creationTimestamp ?? "");
  return { key, revision, until: (Number.isNaN(written) ? 0 : written) + lifeMs };
}

/** Deletes what has run out and has not been written to since. */
export async function removeOld(registry: Registry, queue: Entry[]): Promise<void> {
  const now = registry.now().getTime();
  const end = queue.findIndex((entry) => entry.until > now);
  for (const { key, revision } of queue.splice(0, end < 0 ? queue.length : end)) {
    const current = registry.cache.get(key);
    if (!current || current.revision !== revision) continue;
    const { resourceVersion: _, ...metadata } = current.object.metadata;
    const last = JSON.stringify({ ...current.object, metadata });
    try {
      await registry.store.delete(key, last, revision);
    } catch (error) {
      // Another API server removed it, or somebody has written to it.
      if (!(error instanceof StoreError)) throw error;
    }
  }
}
