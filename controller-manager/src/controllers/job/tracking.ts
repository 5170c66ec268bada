import type { Job, JobStatus } from "@coracle/shared/api/generated/batch-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { jobs, pods } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { isConflict, isInvalid, isNotFound } from "@coracle/shared/errors.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import { semanticEqual } from "../../canonical.ts";
import { FINALIZER, isIndexed, isTracked } from "./pods.ts";
import { completedIndexesText, failedIndexesText, type JobState } from "./state.ts";

/**
 * Each finished pod is counted exactly once, whatever is lost on the way: its uid goes into the Job's status, then its finalizer comes
 * off, then the uid becomes a number. A pod with the finalizer cannot vanish uncounted; one in the status is not counted again.
 */
export interface Tracking {
  /** Uids whose finalizer was taken off, until the cache shows it. */
  released(key: string): ReadonlySet<string>;
  release(key: string, uid: string): void;
  unrelease(uid: string): void;
  /** The cache shows a Job from before our last write of its status. */
  isStale(job: Job): boolean;
  wrote(job: Job): void;
  forget(key: string): void;
}

const versionOf = (job: Job): number => Number(job.metadata.resourceVersion ?? 0);

export function createTracking(ctx: ControllerContext): Tracking {
  const uids = new Map<string, Set<string>>();
  const keys = new Map<string, string>();
  const written = new Map<string, { uid: string | undefined; version: number }>();
  const none: ReadonlySet<string> = new Set();
  const unrelease = (uid: string): void => {
    const key = keys.get(uid);
    if (key === undefined) return;
    keys.delete(uid);
    const set = uids.get(key);
    if (set?.delete(uid) && set.size === 0) uids.delete(key);
  };
  const settle = (pod: Pod): void => {
    if (!isTracked(pod)) unrelease(pod.metadata.uid ?? "");
  };
  ctx.informers
    .for(pods)
    .on({ add: settle, update: settle, delete: (pod) => unrelease(pod.metadata.uid ?? "") });
  return {
    released: (key) => uids.get(key) ?? none,
    release(key, uid) {
      keys.set(uid, key);
      uids.set(key, (uids.get(key) ?? new Set<string>()).add(uid));
    },
    unrelease,
    isStale(job) {
      const last = written.get(keyOf(job));
      return last !== undefined && last.uid === job.metadata.uid && versionOf(job) < last.version;
    },
    wrote: (job) => void written.set(keyOf(job), { uid: job.metadata.uid, version: versionOf(job) }),
    forget(key) {
      for (const uid of uids.get(key) ?? []) keys.delete(uid);
      uids.delete(key);
      written.delete(key);
    },
  };
}

export async function writeStatus(
  ctx: ControllerContext,
  tracking: Tracking,
  job: Job,
  status: JobStatus,
): Promise<Job> {
  if (semanticEqual(status, job.status)) return job;
  const written = await ctx.client.update(
    jobs,
    { ...job, status },
    { subresource: "status", signal: ctx.signal },
  );
  tracking.wrote(written);
  return written;
}

/** Step one: the newly finished pods and indexes are in the status. Held pods are counted once they are let go. */
export function withUncounted(status: JobStatus, state: JobState, held: ReadonlySet<Pod>): JobStatus {
  const uids = (list: readonly Pod[]): string[] => list.map((p) => p.metadata.uid ?? "");
  const old = state.job.status?.uncountedTerminatedPods;
  const succeeded = isIndexed(state.job) ? [] : [...(old?.succeeded ?? []), ...uids(state.newSucceeded)];
  const failed = [...(old?.failed ?? []), ...uids(state.newFailed.filter((p) => !held.has(p)))];
  return {
    ...status,
    completedIndexes: completedIndexesText(state),
    failedIndexes: failedIndexesText(state),
    uncountedTerminatedPods: {
      ...(succeeded.length > 0 ? { succeeded } : {}),
      ...(failed.length > 0 ? { failed } : {}),
    },
  };
}

/** Step two: the finalizers of pods that are in the status, or need not be, come off. */
export async function releasePods(
  ctx: ControllerContext,
  tracking: Tracking,
  job: Job,
  finished: readonly Pod[],
): Promise<void> {
  const key = keyOf(job);
  const due = finished.filter((p) => isTracked(p) && !tracking.released(key).has(p.metadata.uid ?? ""));
  const results = await Promise.allSettled(due.map((pod) => releasePod(ctx, tracking, key, pod)));
  const failed = results.find((r) => r.status === "rejected");
  if (failed) throw failed.reason;
}

export async function releasePod(
  ctx: ControllerContext,
  tracking: Tracking,
  key: string,
  pod: Pod,
): Promise<void> {
  const { name = "", namespace, uid = "" } = pod.metadata;
  tracking.release(key, uid);
  await ctx.client
    .patch(
      pods,
      { name, namespace },
      {
        type: "strategic",
        body: { metadata: { uid, "$deleteFromPrimitiveList/finalizers": [FINALIZER] } },
      },
      { signal: ctx.signal },
    )
    .catch((error: unknown) => {
      // Gone, or another pod of that name: the uid in the patch does not match.
      if (isNotFound(error) || isInvalid(error) || isConflict(error)) return;
      tracking.unrelease(uid);
      throw error;
    });
}

/** Step three: what was listed by uid is counted. */
export function withCounted(status: JobStatus, state: JobState): JobStatus {
  const uncounted = status.uncountedTerminatedPods;
  const nonZero = (n: number): number | undefined => (n === 0 ? undefined : n);
  return {
    ...status,
    succeeded: nonZero(
      isIndexed(state.job)
        ? state.succeededIndexes.size
        : (status.succeeded ?? 0) + (uncounted?.succeeded?.length ?? 0),
    ),
    failed: nonZero((status.failed ?? 0) + (uncounted?.failed?.length ?? 0)),
    uncountedTerminatedPods: {},
  };
}
