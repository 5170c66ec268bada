import { ApiError } from "@coracle/shared/errors.ts";

/** Those who wait for the cache to reach a revision. */
export interface Waiters {
  waitFor(revision: number, timeoutMs?: number): Promise<void>;
  reached(revision: number): void;
}

/** The answer to a read at a revision that the cache has not seen, as upstream words it. */
export const tooLarge = (wanted: number, current: number): ApiError =>
  new ApiError(504, "Timeout", `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });

export function createWaiters(current: () => number): Waiters {
  const waiting = new Set<{ revision: number; resolve: () => void }>();
  return {
    async waitFor(revision, timeoutMs = 3_000) {
      if (revision <= current()) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter = { revision, resolve };
      waiting.add(waiter);
      const timer = setTimeout(() => reject(tooLarge(revision, current())), timeoutMs);
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(waiter);
      }
    },
    reached(revision) {
      for (const waiter of waiting) if (waiter.revision <= revision) waiter.resolve();
    },
  };
}
