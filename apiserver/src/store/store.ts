/** The only state of the cluster. One implementation speaks to Redis, one keeps everything in memory for tests. */

/** Where an object lives: `resource` is the storage name (`pods`, `deployments.apps`); `namespace` is "" for cluster scope. */
export interface ObjectKey {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

export interface StoredObject {
  readonly key: ObjectKey;
  /** The cluster-wide revision of the write that made this state; it is `metadata.resourceVersion`. */
  readonly revision: number;
  /** The object as JSON text, without `metadata.resourceVersion`. */
  readonly body: string;
}

export interface Change extends StoredObject {
  /** For `DELETED`, `body` is the last state and `revision` is the deletion's. */
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
}

export interface Snapshot {
  readonly revision: number;
  readonly objects: readonly StoredObject[];
}

/** A precondition did not hold. The registry turns it into the right `Status`. */
export class StoreError extends Error {
  readonly code: "exists" | "missing" | "stale";
  constructor(code: "exists" | "missing" | "stale") {
    super(`store: ${code}`);
    this.name = "StoreError";
    this.code = code;
  }
}

/** Writes are atomic, take the next revision and append to the change log. They throw {@link StoreError} when the precondition fails. */
export interface Store {
  /** @returns the new revision. @throws StoreError `exists` */
  create(key: ObjectKey, body: string): Promise<number>;
  /** @returns the new revision. @throws StoreError `missing`, or `stale` when the object is not at `expected`. */
  update(key: ObjectKey, body: string, expected: number): Promise<number>;
  /** Removes the object; `body` is the final state that watchers see. @throws StoreError `missing`, `stale` */
  delete(key: ObjectKey, body: string, expected: number): Promise<number>;
  get(key: ObjectKey): Promise<StoredObject | undefined>;
  /** The newest committed revision. */
  revision(): Promise<number>;
  /** Every object, consistent at one revision. */
  snapshot(): Promise<Snapshot>;
  /**
   * Changes with a revision above `after`, in order, in batches as they come, until `signal` aborts.
   * @throws Expired (ApiError 410) when `after` is before the trim point.
   */
  changes(after: number, signal: AbortSignal): AsyncIterable<readonly Change[]>;
  /** Forgets changes before `revision`. */
  compact(revision: number): Promise<void>;
  close(): Promise<void>;
}
