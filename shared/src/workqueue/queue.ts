/** A de-duplicating work queue of keys: a key is handled by one worker at a time, and is handled again when it was added meanwhile. */
export interface WorkQueue {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
  /** Adds after this key's own exponential back-off (5 ms doubling to 1000 s, upstream's item rate limiter). */
  addRateLimited(key: string): void;
  /** The key succeeded: its back-off starts anew. */
  forget(key: string): void;
  retries(key: string): number;
  /** Resolves to the next key, or undefined when the queue has shut down. */
  next(): Promise<string | undefined>;
  done(key: string): void;
  shutDown(): void;
  readonly length: number;
}
