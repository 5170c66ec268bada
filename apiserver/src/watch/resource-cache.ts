import { tooOld } from "../store/codes.ts";
import type { ObjectKey } from "../store/store.ts";
import type { CachedState } from "./cached.ts";
import { createDeque, firstIndex, type Deque } from "./deque.ts";
import { range, rank, remove, set, sizeOf, type Root } from "./tree.ts";
import type { CacheEvent, CachedObject, ListOptions, ListResult } from "./types.ts";
import { createWatcherIndex, type WatcherIndex } from "./watcher-index.ts";

/** A change and the state it led to. */
export interface HistoryRecord {
  readonly event: CacheEvent;
  readonly root: Root<CachedState>;
  readonly at: number;
  readonly bytes: number;
  readonly owner: ResourceCache;
}

/** The objects of one resource, now and as they were at each change that is still remembered. */
export interface ResourceCache {
  root: Root<CachedState>;
  /** State before the first remembered change, and the revision from which it holds. */
  baseRoot: Root<CachedState>;
  base: number;
  readonly history: Deque<HistoryRecord>;
  readonly watchers: WatcherIndex;
}

export const createResourceCache = (base: number): ResourceCache => ({
  root: undefined,
  baseRoot: undefined,
  base,
  history: createDeque(),
  watchers: createWatcherIndex(),
});

/** Order of lists: `namespace/name`, or the name alone for cluster scope. */
export const sortKey = (key: ObjectKey): string =>
  key.namespace ? `${key.namespace}/${key.name}` : key.name;

/** Puts a change into the tree; the caller makes the history record. */
export function applyTo(cache: ResourceCache, event: CacheEvent, state: CachedState): void {
  const key = sortKey(event.current.key);
  cache.root = event.type === "DELETED" ? remove(cache.root, key) : set(cache.root, key, state);
}

/** Forgets the oldest remembered change. */
export function forgetOldest(cache: ResourceCache): void {
  const record = cache.history.shift();
  if (!record) return;
  cache.baseRoot = record.root;
  cache.base = record.event.revision;
}

/** @throws Expired when changes after this revision have been forgotten */
export function eventsAfter(cache: ResourceCache, after: number): CacheEvent[] {
  if (after < cache.base) throw tooOld(after, cache.base);
  const events: CacheEvent[] = [];
  const start = firstIndex(cache.history, (r) => r.event.revision > after);
  for (let i = start; i < cache.history.length; i++) {
    const record = cache.history.at(i);
    if (record) events.push(record.event);
  }
  return events;
}

function rootAt(cache: ResourceCache, revision: number): Root<CachedState> {
  if (revision < cache.base) throw tooOld(revision, cache.base);
  const index = firstIndex(cache.history, (r) => r.event.revision > revision);
  const record = index > 0 ? cache.history.at(index - 1) : undefined;
  return record ? record.root : cache.baseRoot;
}

/** A page of the list, at the newest revision or at one that is still remembered. */
export function listFrom(cache: ResourceCache, newest: number, options: ListOptions): ListResult {
  const revision = options.atRevision ?? newest;
  const root = options.atRevision === undefined ? cache.root : rootAt(cache, revision);
  const { namespace, after, limit, matches } = options;
  const low = namespace ? `${namespace}/` : "";
  // "0" is the character after "/".
  const to = namespace ? `${namespace}0` : undefined;
  const next = after === undefined ? "" : `${after}\0`;
  const from = next > low ? next : low;
  const items: CachedObject[] = [];
  let more = false;
  for (const item of range(root, from, to)) {
    if (matches && !matches(item)) continue;
    if (limit && items.length === limit) {
      more = true;
      break;
    }
    items.push(item);
  }
  const last = items.at(-1);
  if (!more || !last) return { revision, items };
  const end = to === undefined ? sizeOf(root) : rank(root, to);
  return {
    revision,
    items,
    next: sortKey(last.key),
    ...(matches ? {} : { remaining: end - rank(root, from) - items.length }),
  };
}
