/** Speeds from counters that are read now and then: each against an earlier reading about a quarter of a minute old, where there is one. */

interface Sample {
  readonly atMs: number;
  readonly total: number;
}

export interface Rate {
  readonly perSecond: number;
  readonly windowMs: number;
}

export interface Rates {
  /** The speed now; undefined while there is nothing to compare with. */
  add(key: string, atMs: number, total: number): Rate | undefined;
  /** Forgets all other counters. */
  keep(keys: ReadonlySet<string>): void;
}

/** A speed over this long is steady enough; a longer one hides what happens now. */
const WINDOW_MS = 10_000;
const TOO_OLD_MS = 45_000;
/** The kernel's own figures move in steps: below this a speed is noise. */
const SHORTEST_MS = 100;

export function createRates(): Rates {
  const samples = new Map<string, Sample[]>();
  return {
    add(key, atMs, total) {
      const known = (samples.get(key) ?? []).filter((s) => atMs - s.atMs <= TOO_OLD_MS && s.total <= total);
      const base = known.findLast((s) => atMs - s.atMs >= WINDOW_MS) ?? known[0];
      // One is kept that is old enough, and all that are younger.
      const from = Math.max(
        0,
        known.findLastIndex((s) => atMs - s.atMs >= WINDOW_MS),
      );
      samples.set(key, [...known.slice(from), { atMs, total }]);
      if (!base || atMs - base.atMs < SHORTEST_MS) return undefined;
      const windowMs = atMs - base.atMs;
      return { perSecond: ((total - base.total) / windowMs) * 1000, windowMs };
    },
    keep(keys) {
      for (const key of samples.keys()) if (!keys.has(key)) samples.delete(key);
    },
  };
}
