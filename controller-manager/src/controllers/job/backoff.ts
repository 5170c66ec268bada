import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import { failuresUpTo, finishedAt, hasFailed, indexOf } from "./pods.ts";
import type { JobState } from "./state.ts";

/** How long a Job waits before it replaces a failed pod: 10 s, doubling with each failure in a row, at most ten minutes. */
export interface Retries {
  /** Takes notice of newly finished pods. */
  note(key: string, state: JobState): void;
  /** Milliseconds until the Job may make pods again. */
  wait(key: string, now: number): number;
  /** The same for one index of a Job with a limit per index. */
  waitForIndex(state: JobState, index: number, now: number): number;
  /** The newest failed pod of each index that has no successor yet: it carries the index's count of failures. */
  heldPods(state: JobState): Set<Pod>;
  lastFailure(state: JobState, index: number): Pod | undefined;
  forget(key: string): void;
}

const FIRST_MS = 10_000;
const MAX_MS = 600_000;

const delayAfter = (failures: number): number =>
  failures <= 0 ? 0 : Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 20), MAX_MS);

export function createRetries(): Retries {
  const rows = new Map<string, { failures: number; last: number }>();
  const lastFailure = (state: JobState, index: number): Pod | undefined =>
    state.pods
      .filter((p) => indexOf(p) === index && hasFailed(state.job, p))
      .toSorted((a, b) => failuresUpTo(b) - failuresUpTo(a))[0];
  return {
    lastFailure,
    note(key, state) {
      const ended = [
        ...state.newSucceeded.map((pod) => ({ at: finishedAt(pod) ?? 0, ok: true })),
        ...state.newFailed.map((pod) => ({ at: finishedAt(pod) ?? 0, ok: false })),
      ].toSorted((a, b) => a.at - b.at);
      for (const { at, ok } of ended) {
        const row = rows.get(key) ?? { failures: 0, last: 0 };
        // The same pods come by again until they are counted.
        if (at !== 0 && at <= row.last) continue;
        rows.set(key, ok ? { failures: 0, last: at } : { failures: row.failures + 1, last: at });
      }
    },
    wait(key, now) {
      const row = rows.get(key);
      return row ? Math.max(0, row.last + delayAfter(row.failures) - now) : 0;
    },
    waitForIndex(state, index, now) {
      const last = lastFailure(state, index);
      return last ? Math.max(0, (finishedAt(last) ?? 0) + delayAfter(failuresUpTo(last)) - now) : 0;
    },
    heldPods(state) {
      const held = new Set<Pod>();
      if (state.job.spec?.backoffLimitPerIndex === undefined) return held;
      for (const pod of state.pods) {
        const index = indexOf(pod);
        if (index === undefined || !hasFailed(state.job, pod)) continue;
        const over = state.succeededIndexes.has(index) || state.failedIndexes?.has(index);
        const succeeded = state.active.some((p) => indexOf(p) === index);
        if (!over && !succeeded && lastFailure(state, index) === pod) held.add(pod);
      }
      return held;
    },
    forget: (key) => void rows.delete(key),
  };
}

export const keyOfJob = (state: JobState): string => keyOf(state.job);
