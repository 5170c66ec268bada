import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ObjectKey } from "../store/store.ts";

/** One object as the cache holds it. Immutable; shared by every reader. */
export interface CachedObject {
  readonly key: ObjectKey;
  readonly revision: number;
  /** Parsed, `metadata.resourceVersion` set. Never mutate it: structuredClone first. */
  readonly object: KubeObject;
  /** The same as UTF-8 JSON, made at most once and shared by all watchers and lists. */
  json(): Buffer;
}

export interface CacheEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly revision: number;
  readonly current: CachedObject;
  /** State before the change, so that selectors can turn MODIFIED into ADDED or DELETED. Absent for ADDED. */
  readonly previous?: CachedObject | undefined;
}

export interface ListOptions {
  /** "" or absent lists every namespace. */
  readonly namespace?: string | undefined;
  /** Serve the state at exactly this revision (a pinned page); the newest when absent. @throws Expired when it is no longer kept */
  readonly atRevision?: number | undefined;
  /** Start after this key (`namespace/name` order), for `continue`. */
  readonly after?: string | undefined;
  /** At most this many matching items; 0 or absent: all. */
  readonly limit?: number | undefined;
  readonly matches?: ((item: CachedObject) => boolean) | undefined;
}

export interface ListResult {
  readonly revision: number;
  readonly items: readonly CachedObject[];
  /** Set when there is more: the key to pass as `after`. */
  readonly next?: string | undefined;
  /** How many items follow, when that is known without a filter. */
  readonly remaining?: number | undefined;
}

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** Events with a revision above this. @throws Expired (410) when that history is gone */
  readonly after: number;
  readonly signal: AbortSignal;
  /** Told that the watch has fallen too far behind: it ends, whether anybody reads that or not. */
  readonly onOverflow?: (() => void) | undefined;
}

/** The API server's view of the store: a snapshot, kept current from the change stream. */
export interface WatchCache {
  /** Loads the snapshot and follows the stream until `signal` aborts; resolves when the snapshot is in. Survives Redis going away. */
  start(signal: AbortSignal): Promise<void>;
  /** The newest revision this cache has applied. */
  readonly revision: number;
  /** Resolves when the cache has reached `revision`. @throws Timeout (504) after `timeoutMs`. */
  waitFor(revision: number, timeoutMs?: number): Promise<void>;
  get(key: ObjectKey): CachedObject | undefined;
  list(resource: string, options?: ListOptions): ListResult;
  /** Objects of one resource, unordered and without copying; for in-process indexes (RBAC, node authorizer, quotas). */
  all(resource: string): Iterable<CachedObject>;
  /**
   * Registers at once: what happens after the call is seen. Throws Expired at once too.
   * A bounded buffer per watcher: a slow one ends with an Expired error (410). A `revision` bookmark is
   * yielded as a number when nothing has happened for a while and the revision has risen.
   */
  watch(resource: string, options: WatchOptions): AsyncIterable<CacheEvent | number>;
  /** What happened to a resource after a revision, in order, up to now. Throws Expired when that is forgotten. */
  changesSince(resource: string, after: number): readonly CacheEvent[];
  /** Called synchronously, in order, for every change applied, of every resource. Returns the unsubscribe function. */
  onChange(listener: (event: CacheEvent) => void): () => void;
  /**
   * Called after the cache had to start again from a snapshot because the change log was trimmed or replaced under it. The
   * differences have been told to `onChange` by then, but not change by change: a revision chain must be broken here.
   */
  onReset(listener: (revision: number) => void): () => void;
  /** How much is held, for /metrics. */
  stats(): CacheStats;
}

export interface CacheStats {
  readonly revision: number;
  readonly objects: number;
  readonly bytes: number;
  readonly historyEvents: number;
  readonly historyBytes: number;
  readonly watchers: number;
  /** How many objects of each resource there are. */
  readonly byResource: ReadonlyMap<string, number>;
}
