import type { Job } from "@coracle/shared/api/generated/batch-v1.ts";
import { findCondition, isTrue } from "../../conditions.ts";
import { parseIndexes } from "./indexes.ts";
import { indexOf, isIndexed, replacesFailedOnly } from "./pods.ts";
import { successRuleMet } from "./policy.ts";
import type { JobState } from "./state.ts";

/** Whether and how a Job ends, and how many pods it wants until then. Pure. */

export interface Ending {
  /** The condition that announces the end; the final one follows when no pod is left. */
  readonly type: "FailureTarget" | "SuccessCriteriaMet";
  readonly reason: string;
  readonly message: string;
}

export const isFinished = (job: Job): boolean =>
  isTrue(job.status?.conditions, "Complete") || isTrue(job.status?.conditions, "Failed");

const failing = (reason: string, message: string): Ending => ({ type: "FailureTarget", reason, message });
const succeeding = (reason: string, message: string): Ending => ({
  type: "SuccessCriteriaMet",
  reason,
  message,
});

/** Milliseconds left of the active deadline; undefined when there is none. */
export function deadlineLeft(job: Job, now: number): number | undefined {
  const seconds = job.spec?.activeDeadlineSeconds;
  const start = job.status?.startTime;
  if (seconds === undefined || start === undefined || job.spec?.suspend) return undefined;
  return Date.parse(start) + seconds * 1000 - now;
}

export function endingOf(state: JobState, now: number): Ending | undefined {
  const { job } = state;
  return announced(job) ?? failureOf(state, now) ?? successOf(state);
}

/** An end once announced is not taken back. */
function announced(job: Job): Ending | undefined {
  for (const type of ["FailureTarget", "SuccessCriteriaMet"] as const) {
    const condition = findCondition(job.status?.conditions, type);
    if (condition?.status === "True")
      return { type, reason: condition.reason ?? "", message: condition.message ?? "" };
  }
  return undefined;
}

function failureOf(state: JobState, now: number): Ending | undefined {
  const { job } = state;
  if (state.failJob !== undefined) return failing("PodFailurePolicy", state.failJob);
  const limit = job.spec?.backoffLimit ?? (job.spec?.backoffLimitPerIndex === undefined ? 6 : Infinity);
  if (state.failed > limit || restartsExceed(state, limit))
    return failing("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  if ((deadlineLeft(job, now) ?? Infinity) <= 0)
    return failing("DeadlineExceeded", "Job was active longer than specified deadline");
  const failed = state.failedIndexes?.size ?? 0;
  const most = job.spec?.maxFailedIndexes;
  if (most !== undefined && failed > most)
    return failing(
      "MaxFailedIndexesExceeded",
      "Job has exceeded the specified maximal number of failed indexes",
    );
  if (failed > 0 && failed + state.succeededIndexes.size >= (job.spec?.completions ?? 0))
    return failing("FailedIndexes", "Job has failed indexes");
  return undefined;
}

/** Containers that are restarted in place fail without a new pod: their restarts count. */
function restartsExceed(state: JobState, limit: number): boolean {
  if (state.job.spec?.template.spec?.restartPolicy !== "OnFailure") return false;
  let restarts = 0;
  for (const pod of state.pods)
    if (pod.status?.phase === "Running" || pod.status?.phase === "Pending")
      for (const s of [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])])
        restarts += s.restartCount;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function successOf(state: JobState): Ending | undefined {
  const { job } = state;
  const completions = job.spec?.completions;
  if (isIndexed(job) && job.spec?.successPolicy) {
    const rule = successRuleMet(job, state.succeededIndexes, (t) => parseIndexes(t, completions ?? 0));
    if (rule !== undefined) return succeeding("SuccessPolicy", `Matched rules at index ${rule}`);
  }
  const reached =
    completions === undefined
      ? state.succeeded > 0 && state.active.length === 0
      : state.succeeded >= completions && (completions > 0 || state.active.length === 0);
  return reached ? succeeding("CompletionsReached", "Reached expected number of succeeded pods") : undefined;
}

export interface Demand {
  /** Active pods too many. */
  readonly remove: number;
  /** Pods to make; for an Indexed Job at most as many as there are pending indexes. */
  readonly create: number;
}

export function demandOf(state: JobState): Demand {
  const { job } = state;
  const active = state.active.length;
  if (job.spec?.suspend) return { remove: active, create: 0 };
  const parallelism = job.spec?.parallelism ?? 1;
  const completions = job.spec?.completions;
  let want: number;
  if (completions === undefined) want = state.succeeded > 0 ? active : parallelism;
  else want = Math.max(0, Math.min(parallelism, completions - state.succeeded));
  const leaving = replacesFailedOnly(job) ? state.terminating.length : 0;
  return {
    remove: Math.max(0, active - want),
    create: Math.max(0, want - active - leaving),
  };
}

/** The lowest indexes that have neither ended nor a pod on the way. */
export function pendingIndexes(state: JobState, count: number): number[] {
  const { job } = state;
  const taken = new Set<number | undefined>(
    [...state.active, ...(replacesFailedOnly(job) ? state.terminating : [])].map(indexOf),
  );
  const pending: number[] = [];
  for (let i = 0; i < (job.spec?.completions ?? 0) && pending.length < count; i++)
    if (!taken.has(i) && !state.succeededIndexes.has(i) && !state.failedIndexes?.has(i)) pending.push(i);
  return pending;
}
