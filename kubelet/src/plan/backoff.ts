/** Doubling waits per key: restarts and image pulls. */
export interface Backoff {
  /** The wait in force: when it ends, counted from `since`, and how long it is. Undefined when there is none. */
  get(key: string, since: number): { readonly until: number; readonly ms: number } | undefined;
  /** Something failed again: doubles the wait, or starts anew after a long quiet time. */
  next(key: string, now: number): void;
  /** Forgets every key that starts with the prefix. */
  forget(prefix: string): void;
}

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Upstream's: 10 s doubling to 5 minutes, forgotten after twice the maximum. */
export const RESTART_BACKOFF: BackoffOptions = { initialMs: 10_000, maxMs: 300_000 };

export function createBackoff({ initialMs, maxMs }: BackoffOptions): Backoff {
  const entries = new Map<string, { ms: number; updated: number }>();
  return {
    get(key, since) {
      const entry = entries.get(key);
      if (!entry || since - entry.updated > 2 * maxMs) return undefined;
      return { until: since + entry.ms, ms: entry.ms };
    },
    next(key, now) {
      const entry = entries.get(key);
      const fresh = !entry || now - entry.updated > 2 * maxMs;
      entries.set(key, { ms: fresh ? initialMs : Math.min(maxMs, entry.ms * 2), updated: now });
    },
    forget(prefix) {
      for (const key of entries.keys()) if (key.startsWith(prefix)) entries.delete(key);
    },
  };
}
