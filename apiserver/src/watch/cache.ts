import { isExpired } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { tooOld } from "../store/codes.ts";
import type { Change, ObjectKey, Snapshot, Store } from "../store/store.ts";
import { CachedState, ParsedPool } from "./cached.ts";
import { createDeque } from "./deque.ts";
import {
  applyTo,
  createResourceCache,
  eventsAfter,
  forgetOldest,
  listFrom,
  sortKey,
} from "./resource-cache.ts";
import type { HistoryRecord, ResourceCache } from "./resource-cache.ts";
import { build, get, range, sizeOf } from "./tree.ts";
import type { CacheEvent, WatchCache, WatchOptions } from "./types.ts";
import { differences } from "./differences.ts";
import { createWaiters, tooLarge } from "./waiters.ts";
import { concerns, createWatcher, type Watcher } from "./watcher.ts";

export type * from "./types.ts";

export interface WatchCacheOptions {
  readonly log?: Logger | undefined;
  /** How much of the past is kept for watches to resume from and pages to be read at. */
  readonly historyEvents?: number;
  readonly historyBytes?: number;
  readonly historyMs?: number;
  /** Events that a slow watcher may be behind before it is dropped. */
  readonly watcherBuffer?: number;
  readonly bookmarkMs?: number;
  readonly parsedObjects?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

const defaults = {
  historyEvents: 10_000,
  historyBytes: 96 * 1024 * 1024,
  historyMs: 5 * 60_000,
  watcherBuffer: 8_192,
  bookmarkMs: 5_000,
  parsedObjects: 10_000,
  now: () => performance.now(),
};

/** Changes applied before other work gets a turn. */
const turn = 512;

/** A view of the whole store, kept current from its change log. */
export function createWatchCache(store: Store, options: WatchCacheOptions = {}): WatchCache {
  const settings = { ...defaults, ...options };
  const resources = new Map<string, ResourceCache>();
  const history = createDeque<HistoryRecord>();
  const listeners = new Set<(event: CacheEvent) => void>();
  const resetListeners = new Set<(revision: number) => void>();
  const pool = new ParsedPool(settings.parsedObjects);
  const waiters = createWaiters(() => revision);
  const intern = createInterner();
  let revision = 0;
  /** Changes up to here were never seen one by one. */
  let startRevision = 0;
  /** Before this revision is history: no list shows it, not even of a resource that has not changed since. */
  let outdated = 0;
  let bytes = 0;
  let historyBytes = 0;

  const resourceOf = (name: string): ResourceCache => {
    let cache = resources.get(name);
    if (!cache) {
      cache = createResourceCache(startRevision);
      resources.set(name, cache);
    }
    return cache;
  };
  const stateOf = (key: ObjectKey, at: number, body: string): CachedState =>
    new CachedState(
      { resource: intern(key.resource), namespace: intern(key.namespace), name: key.name },
      at,
      body,
      pool,
    );

  const tell = (event: CacheEvent): void => {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        settings.log?.error({ err: error, resource: event.current.key.resource }, "a cache listener failed");
      }
    }
  };

  const trimHistory = (): void => {
    const now = settings.now();
    for (let oldest = history.at(0); oldest; oldest = history.at(0)) {
      const isOld = now - oldest.at > settings.historyMs;
      if (!isOld && history.length <= settings.historyEvents && historyBytes <= settings.historyBytes) return;
      if (isOld) outdated = oldest.event.revision;
      history.shift();
      historyBytes -= oldest.bytes;
      forgetOldest(oldest.owner);
    }
  };

  const apply = (change: Change): void => {
    const owner = resourceOf(change.key.resource);
    const previous = get(owner.root, sortKey(change.key));
    const current = stateOf(change.key, change.revision, change.body);
    const event: CacheEvent = {
      type: change.type,
      revision: change.revision,
      current,
      ...(previous ? { previous } : {}),
    };
    applyTo(owner, event, current);
    bytes += (change.type === "DELETED" ? 0 : current.size) - (previous?.size ?? 0);
    const held = (previous?.size ?? 0) + (change.type === "DELETED" ? current.size : 0) + 1024;
    const record = { event, root: owner.root, at: settings.now(), bytes: held, owner };
    owner.history.push(record);
    history.push(record);
    historyBytes += held;
    revision = change.revision;
    trimHistory();
    owner.watchers.push(event);
    tell(event);
  };

  const load = (snapshot: Snapshot): void => {
    const byResource = Map.groupBy(snapshot.objects, (o) => o.key.resource);
    const missed: CacheEvent[] = [];
    history.clear();
    historyBytes = 0;
    bytes = 0;
    startRevision = snapshot.revision;
    for (const name of byResource.keys()) resourceOf(name);
    for (const [name, cache] of resources) {
      const before = cache.root;
      const states = (byResource.get(name) ?? []).map((o) => stateOf(o.key, o.revision, o.body));
      const entries = states
        .map((s) => [sortKey(s.key), s] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1));
      cache.root = build(entries);
      cache.baseRoot = cache.root;
      cache.base = snapshot.revision;
      cache.history.clear();
      for (const state of states) bytes += state.size;
      missed.push(...differences(before, cache.root, snapshot.revision));
      for (const watcher of cache.watchers.all()) watcher.fail(tooOld(watcher.options.after, startRevision));
    }
    revision = snapshot.revision;
    for (const event of missed.toSorted((a, b) => a.revision - b.revision)) tell(event);
    waiters.reached(revision);
  };

  const follow = async (signal: AbortSignal): Promise<void> => {
    for await (const batch of store.changes(revision, signal)) {
      for (let i = 0; i < batch.length; i++) {
        const change = batch[i];
        if (change) apply(change);
        if (i % turn === turn - 1) {
          waiters.reached(revision);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      waiters.reached(revision);
    }
  };

  const loadUntilDone = async (signal: AbortSignal): Promise<void> => {
    for (let delay = 100; !signal.aborted; delay = Math.min(delay * 2, 5_000)) {
      try {
        load(await store.snapshot());
        return;
      } catch (error) {
        settings.log?.warn({ err: error }, "the store's snapshot could not be read");
        await sleep(delay, signal);
      }
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        await follow(signal);
      } catch (error) {
        settings.log?.warn({ err: error, revision }, "the change log cannot be followed");
        if (!isExpired(error)) await sleep(1_000, signal);
        await loadUntilDone(signal);
        if (!signal.aborted) for (const listener of resetListeners) listener(revision);
      }
    }
  };

  return {
    async start(signal) {
      await loadUntilDone(signal);
      const bookmarks = setInterval(() => {
        for (const cache of resources.values()) {
          for (const watcher of cache.watchers.all()) watcher.bookmark(revision);
        }
      }, settings.bookmarkMs);
      bookmarks.unref();
      void run(signal).finally(() => clearInterval(bookmarks));
    },
    get revision() {
      return revision;
    },
    waitFor: (at, timeoutMs) => waiters.waitFor(at, timeoutMs),
    get(key) {
      const cache = resources.get(key.resource);
      return cache && get(cache.root, sortKey(key));
    },
    list(resource, listOptions = {}) {
      const at = listOptions.atRevision;
      if (at !== undefined && at > revision) throw tooLarge(at, revision);
      if (at !== undefined && at < outdated) throw tooOld(at, outdated);
      return listFrom(resourceOf(resource), revision, listOptions);
    },
    all(resource) {
      return range(resources.get(resource)?.root);
    },
    watch(resource, watchOptions) {
      const cache = resourceOf(resource);
      const backlog = eventsAfter(cache, watchOptions.after).filter((e) => concerns(watchOptions, e));
      return register(cache, watchOptions, backlog);
    },
    changesSince: (resource, after) => eventsAfter(resourceOf(resource), after),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onReset(listener) {
      resetListeners.add(listener);
      return () => resetListeners.delete(listener);
    },
    stats() {
      let objects = 0;
      let watchers = 0;
      const byResource = new Map<string, number>();
      for (const [name, cache] of resources) {
        const size = sizeOf(cache.root);
        objects += size;
        if (size > 0) byResource.set(name, size);
        watchers += cache.watchers.size;
      }
      return { revision, objects, bytes, historyEvents: history.length, historyBytes, watchers, byResource };
    },
  };

  function register(cache: ResourceCache, watchOptions: WatchOptions, backlog: CacheEvent[]) {
    const watcher: Watcher = createWatcher({
      options: watchOptions,
      backlog,
      limit: settings.watcherBuffer,
      overflow: () => tooOld(watchOptions.after, revision),
      forgotten: () => cache.base,
      reached: () => waiters.waitFor(watchOptions.after),
      onEnd: () => cache.watchers.remove(watcher),
    });
    if (!watchOptions.signal.aborted) cache.watchers.add(watcher);
    return watcher.events;
  }
}

/** Resource and namespace names recur in every key; one copy of each is kept. */
function createInterner(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const have = known.get(text);
    if (have !== undefined) return have;
    known.set(text, text);
    return text;
  };
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
}
