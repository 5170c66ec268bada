import type { Resource } from "../api/resources.ts";

export interface InformerHandler<T> {
  add?(object: T): void;
  update?(object: T, old: T): void;
  delete?(object: T): void;
}

/** A local cache of one resource that misses nothing. Objects in it are shared and frozen by convention: never mutate them. */
export interface Informer<T> {
  readonly resource: Resource<T>;
  get(key: string): T | undefined;
  list(): Iterable<T>;
  readonly size: number;
  /** Objects whose index function returned `value`. Indexes are declared before start. O(result). */
  byIndex(index: string, value: string): readonly T[];
  addIndex(index: string, values: (object: T) => readonly string[]): void;
  /** Handlers run synchronously, in revision order; existing objects are delivered as adds. Returns the unsubscribe function. */
  on(handler: InformerHandler<T>): () => void;
  /** Resolves when the first full state is in. */
  synced(signal?: AbortSignal): Promise<void>;
  readonly hasSynced: boolean;
}

export interface InformerOptions {
  /** Only this shard of the feed: for pods the node's name (a kubelet), "_" for unbound ones. */
  readonly shard?: string | undefined;
  readonly namespace?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Nothing but the objects' metadata is of interest. One that others want whole is shared with them. */
  readonly metadataOnly?: boolean | undefined;
}

/** Makes and shares informers: one per resource and options, whatever the number of users. */
export interface InformerFactory {
  for<T>(resource: Resource<T>, options?: InformerOptions): Informer<T>;
  /** Starts all that were asked for and waits until they have synced. Later ones start at once. */
  start(signal: AbortSignal): Promise<void>;
}
