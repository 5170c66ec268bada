import type { ApiError } from "@coracle/shared/errors.ts";
import { createDeque } from "./deque.ts";
import type { CacheEvent, WatchOptions } from "./types.ts";

/** One watch: a bounded queue between the cache, which never waits, and a client, which may be slow. */
export interface Watcher {
  readonly options: WatchOptions;
  push(event: CacheEvent): void;
  /** Yields the revision when the client has had everything before it. */
  bookmark(revision: number): void;
  /** Ends the watch with this error once the queue is read. */
  fail(error: ApiError): void;
  readonly events: AsyncIterable<CacheEvent | number>;
}

export interface WatcherParts {
  readonly options: WatchOptions;
  /** Events that happened before the watch began. */
  readonly backlog: readonly CacheEvent[];
  readonly limit: number;
  readonly overflow: () => ApiError;
  /** The revision up to which history is forgotten. What only a slow watch still holds would be memory without end. */
  readonly forgotten: () => number;
  /** Waits for a revision that the cache has not reached yet. */
  readonly reached: () => Promise<void>;
  readonly onEnd: () => void;
}

type Item = CacheEvent | number;
type Result = IteratorResult<Item, undefined>;
const finished: Result = { done: true, value: undefined };

/** Whether an event concerns this watch. */
export const concerns = (options: WatchOptions, event: CacheEvent): boolean =>
  event.revision > options.after &&
  (!options.namespace || options.namespace === event.current.key.namespace) &&
  (!options.name || options.name === event.current.key.name);

export function createWatcher(parts: WatcherParts): Watcher {
  const { options, limit } = parts;
  const queue = createDeque<CacheEvent>();
  for (const event of parts.backlog) queue.push(event);
  const allowed = Math.max(limit, parts.backlog.length + limit);
  let failure: ApiError | undefined;
  let ended = options.signal.aborted;
  let told = options.after;
  let waiting: { resolve: (r: Result) => void; reject: (e: ApiError) => void } | undefined;
  let ready = false;

  const end = (): void => {
    if (!ended) parts.onEnd();
    ended = true;
    options.signal.removeEventListener("abort", stop);
    queue.clear();
    waiting?.resolve(finished);
    waiting = undefined;
  };
  const stop = (): void => end();
  if (!ended) options.signal.addEventListener("abort", stop, { once: true });

  const fail = (error: ApiError): void => {
    failure ??= error;
    parts.onEnd();
    waiting?.reject(failure);
    waiting = undefined;
  };
  const give = (item: Item): boolean => {
    if (!waiting) return false;
    told = typeof item === "number" ? item : item.revision;
    waiting.resolve({ done: false, value: item });
    waiting = undefined;
    return true;
  };
  /** Without `async`: what is waited for goes to the waiter itself, not by way of another promise. */
  const following = (): Promise<Result> => {
    const event = queue.shift();
    if (event) {
      told = event.revision;
      return Promise.resolve({ done: false, value: event });
    }
    if (failure) return Promise.reject(failure);
    if (ended) return Promise.resolve(finished);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    waiting = { resolve, reject };
    return promise;
  };
  const first = async (): Promise<Result> => {
    await parts.reached();
    ready = true;
    return following();
  };

  return {
    options,
    push(event) {
      if (failure || ended || give(event)) return;
      queue.push(event);
      const oldest = queue.at(0)?.revision ?? event.revision;
      if (queue.length <= allowed && oldest > parts.forgotten()) return;
      queue.clear();
      fail(parts.overflow());
      options.onOverflow?.();
    },
    bookmark(revision) {
      if (revision > told) give(revision);
    },
    fail,
    events: {
      [Symbol.asyncIterator]: () => ({
        next: () => (ready ? following() : first()),
        return() {
          end();
          return Promise.resolve(finished);
        },
      }),
    },
  };
}
