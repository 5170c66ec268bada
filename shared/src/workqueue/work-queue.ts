import { createHeap } from "./heap.ts";
import type { WorkQueue } from "./queue.ts";

export interface WorkQueueOptions {
  /** Milliseconds; passed in so that tests can fix it. */
  readonly now?: () => number;
  readonly baseDelayMs?: number;
  readonly maxDelayMs?: number;
  /** All retries of the queue together: this many a second, in bursts up to `burst`. */
  readonly retriesPerSecond?: number;
  readonly burst?: number;
}

/** setTimeout cannot wait longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A work queue with client-go's semantics: a key that is added while it is being handled (dirty and processing) is handled
 * once more afterwards; delayed adds share one timer; retries back off per key and are capped for the queue as a whole.
 */
export function createWorkQueue(options: WorkQueueOptions = {}): WorkQueue {
  const now = options.now ?? (() => performance.now());
  const limiter = createRetryLimiter({ ...options, now });
  const ready: string[] = [];
  let head = 0;
  const dirty = new Set<string>();
  const processing = new Set<string>();
  const waiters: ((key: string | undefined) => void)[] = [];
  const delayed = createHeap<string>();
  /** The earliest time a key waits for; a heap entry at any other time is stale. */
  const due = new Map<string, number>();
  let timer: { readonly handle: NodeJS.Timeout; readonly at: number } | undefined;
  let stopped = false;

  const offer = (key: string): void => {
    const waiter = waiters.shift();
    if (!waiter) {
      ready.push(key);
      return;
    }
    dirty.delete(key);
    processing.add(key);
    waiter(key);
  };
  const take = (): string | undefined => {
    if (head >= ready.length) return undefined;
    const key = ready[head++];
    if (head > 1024 && head * 2 > ready.length) {
      ready.splice(0, head);
      head = 0;
    }
    return key;
  };
  const add = (key: string): void => {
    if (stopped || dirty.has(key)) return;
    dirty.add(key);
    if (!processing.has(key)) offer(key);
  };
  const fire = (): void => {
    timer = undefined;
    for (let top = delayed.peek(); top && top.at <= now(); top = delayed.peek()) {
      delayed.pop();
      if (due.get(top.value) !== top.at) continue;
      due.delete(top.value);
      add(top.value);
    }
    arm();
  };
  const arm = (): void => {
    const next = delayed.peek();
    if (!next || stopped || (timer && timer.at <= next.at)) return;
    clearTimeout(timer?.handle);
    const wait = Math.min(Math.max(0, Math.ceil(next.at - now())), MAX_TIMER_MS);
    timer = { handle: setTimeout(fire, wait), at: next.at };
  };
  const addAfter = (key: string, delayMs: number): void => {
    if (stopped) return;
    if (delayMs <= 0) {
      add(key);
      return;
    }
    const at = now() + delayMs;
    if ((due.get(key) ?? Infinity) <= at) return;
    due.set(key, at);
    delayed.push(at, key);
    arm();
  };

  return {
    add,
    addAfter,
    addRateLimited: (key) => addAfter(key, limiter.delay(key)),
    forget: (key) => limiter.forget(key),
    retries: (key) => limiter.retries(key),
    next: () => {
      const key = take();
      if (key === undefined)
        return stopped ? Promise.resolve(undefined) : new Promise((resolve) => waiters.push(resolve));
      dirty.delete(key);
      processing.add(key);
      return Promise.resolve(key);
    },
    done(key) {
      processing.delete(key);
      if (dirty.has(key)) offer(key);
    },
    shutDown() {
      stopped = true;
      clearTimeout(timer?.handle);
      delayed.clear();
      due.clear();
      for (const waiter of waiters.splice(0)) waiter(undefined);
    },
    get length() {
      return ready.length - head;
    },
  };
}

interface RetryLimiter {
  delay(key: string): number;
  forget(key: string): void;
  retries(key: string): number;
}

/** The longer of the key's own exponential back-off and the queue's token bucket, as upstream's default controller limiter. */
function createRetryLimiter(options: WorkQueueOptions & { readonly now: () => number }): RetryLimiter {
  const base = options.baseDelayMs ?? 5;
  const max = options.maxDelayMs ?? 1_000_000;
  const perMs = (options.retriesPerSecond ?? 10) / 1000;
  const burst = options.burst ?? 100;
  const failures = new Map<string, number>();
  let tokens = burst;
  let last = options.now();

  const bucketDelay = (): number => {
    const now = options.now();
    tokens = Math.min(burst, tokens + (now - last) * perMs) - 1;
    last = now;
    return tokens >= 0 ? 0 : -tokens / perMs;
  };
  return {
    delay(key) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      return Math.max(Math.min(base * 2 ** Math.min(count, 40), max), bucketDelay());
    },
    forget: (key) => void failures.delete(key),
    retries: (key) => failures.get(key) ?? 0,
  };
}
