/** Exponential back-off per key, for things that must not be retried in a tight loop. */
export interface Backoff {
  /** Milliseconds until the key may be tried again; 0 when it may be now. */
  wait(key: string): number;
  /** The key was tried: the next try is later still. */
  next(key: string): void;
}

/** A key that was left alone for twice the maximum starts anew. */
export function createBackoff(options: {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly now: () => number;
}): Backoff {
  const entries = new Map<string, { until: number; delay: number }>();
  const forgetOld = (): void => {
    for (const [key, entry] of entries)
      if (options.now() - entry.until > 2 * options.maxMs) entries.delete(key);
  };
  return {
    wait: (key) => Math.max(0, (entries.get(key)?.until ?? 0) - options.now()),
    next(key) {
      forgetOld();
      const delay = Math.min(options.maxMs, (entries.get(key)?.delay ?? options.firstMs / 2) * 2);
      entries.set(key, { delay, until: options.now() + delay });
    },
  };
}
