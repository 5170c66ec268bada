import type { Logger } from "@coracle/shared/log.ts";
import type { Store } from "./store.ts";

export interface CompactionOptions {
  /** Changes younger than this are kept … */
  readonly keepMs?: number;
  /** … unless there are more of them than this. */
  readonly keepChanges?: number;
  readonly everyMs?: number;
  readonly log?: Logger | undefined;
}

/**
 * Trims the change log by age and length until `signal` aborts. Any number of replicas may run it: the trim point only rises.
 * Ages are known from the revisions this process has seen at earlier rounds.
 */
export async function runCompaction(
  store: Store,
  signal: AbortSignal,
  options: CompactionOptions = {},
): Promise<void> {
  const { keepMs = 10 * 60_000, keepChanges = 50_000, everyMs = 60_000, log } = options;
  const seen: { at: number; revision: number }[] = [];
  while (!signal.aborted) {
    try {
      const revision = await store.revision();
      const now = performance.now();
      if (seen.at(-1)?.revision !== revision) seen.push({ at: now, revision });
      const old = seen.filter((s) => now - s.at >= keepMs).at(-1)?.revision ?? 0;
      const first = Math.max(old, revision - keepChanges);
      if (first > 1) await store.compact(first);
      while ((seen[0]?.revision ?? first) < first) seen.shift();
    } catch (error) {
      log?.warn({ err: error }, "the change log could not be trimmed");
    }
    await pause(everyMs, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms).unref();
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
}
