import type { Job } from "@coracle/shared/api/generated/batch-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isPodActive } from "@coracle/shared/meta/pods.ts";
import { isTerminating } from "../../pods/state.ts";
import { formatIndexes, parseIndexes } from "./indexes.ts";
import { failuresUpTo, hasFailed, hasSucceeded, indexOf, isIndexed, isTracked } from "./pods.ts";
import { judgeFailure, type Verdict } from "./policy.ts";

/** A Job and its pods as one reconcile sees them, with what is newly finished. Pure. */
export interface JobState {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  /** Finished, with our finalizer still on, and not yet in the Job's status. */
  readonly newSucceeded: readonly Pod[];
  readonly newFailed: readonly Pod[];
  /** Newly failed pods the policy says not to count. */
  readonly ignored: readonly Pod[];
  /** Of all, with those not in the status yet. */
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number> | undefined;
  /** Why the failure policy ends the Job. */
  readonly failJob: string | undefined;
  readonly verdicts: ReadonlyMap<Pod, Verdict>;
}

const completionsOf = (job: Job): number => job.spec?.completions ?? 0;

/** `finished`: the uids whose finalizer was taken off, though the cache may not show it. */
export function stateOf(job: Job, pods: readonly Pod[], finished: ReadonlySet<string>): JobState {
  const uncounted = job.status?.uncountedTerminatedPods;
  const known = new Set([...(uncounted?.succeeded ?? []), ...(uncounted?.failed ?? [])]);
  const fresh = pods.filter(
    (p) => isTracked(p) && !known.has(p.metadata.uid ?? "") && !finished.has(p.metadata.uid ?? ""),
  );
  const failedPods = fresh.filter((p) => hasFailed(job, p));
  const verdicts = new Map(failedPods.map((p) => [p, judgeFailure(job, p)] as const));
  const ignored = failedPods.filter((p) => verdicts.get(p)?.action === "Ignore");
  const newFailed = failedPods.filter((p) => verdicts.get(p)?.action !== "Ignore");
  const indexes = succeededIndexesOf(job, pods);
  const newSucceeded = fresh.filter(hasSucceeded);
  const failed = (job.status?.failed ?? 0) + (uncounted?.failed?.length ?? 0) + newFailed.length;
  return {
    job,
    pods,
    active: pods.filter(isPodActive),
    terminating: pods.filter(isTerminating),
    newSucceeded,
    newFailed,
    ignored,
    succeeded: isIndexed(job)
      ? indexes.size
      : (job.status?.succeeded ?? 0) + (uncounted?.succeeded?.length ?? 0) + newSucceeded.length,
    failed,
    succeededIndexes: indexes,
    failedIndexes: failedIndexesOf(job, newFailed, verdicts, indexes),
    failJob: [...verdicts.values()].find((v) => v.action === "FailJob")?.message,
    verdicts,
  };
}

function succeededIndexesOf(job: Job, pods: readonly Pod[]): Set<number> {
  const indexes = parseIndexes(job.status?.completedIndexes, completionsOf(job));
  if (!isIndexed(job)) return indexes;
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index !== undefined && index < completionsOf(job) && hasSucceeded(pod)) indexes.add(index);
  }
  return indexes;
}

function failedIndexesOf(
  job: Job,
  newFailed: readonly Pod[],
  verdicts: ReadonlyMap<Pod, Verdict>,
  succeeded: ReadonlySet<number>,
): Set<number> | undefined {
  const limit = job.spec?.backoffLimitPerIndex;
  if (limit === undefined) return undefined;
  const indexes = parseIndexes(job.status?.failedIndexes, completionsOf(job));
  for (const pod of newFailed) {
    const index = indexOf(pod);
    if (index === undefined || index >= completionsOf(job) || succeeded.has(index)) continue;
    if (verdicts.get(pod)?.action === "FailIndex" || failuresUpTo(pod) > limit) indexes.add(index);
  }
  return indexes;
}

export const completedIndexesText = (state: JobState): string | undefined =>
  isIndexed(state.job) && state.succeededIndexes.size > 0 ? formatIndexes(state.succeededIndexes) : undefined;
export const failedIndexesText = (state: JobState): string | undefined =>
  state.failedIndexes === undefined ? undefined : formatIndexes(state.failedIndexes);
