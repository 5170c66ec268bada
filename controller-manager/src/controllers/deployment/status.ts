import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from "@coracle/shared/api/generated/apps-v1.ts";
import { findCondition, timestamp } from "../../conditions.ts";
import { maxUnavailable, replicasOf, sum } from "./arithmetic.ts";

/** A Deployment's status from its ReplicaSets. Pure. */

/** Upstream's value for "no deadline". */
const NO_DEADLINE = 2 ** 31 - 1;

export const hasProgressDeadline = (d: Deployment): boolean =>
  d.spec?.progressDeadlineSeconds !== undefined && d.spec.progressDeadlineSeconds !== NO_DEADLINE;

/** Replaces the condition of its type unless status and reason say the same already; then nothing changes, not even the times. */
export function setDeploymentCondition(
  conditions: readonly DeploymentCondition[],
  next: { type: string; status: string; reason: string; message: string },
  now: number,
  refresh = false,
): DeploymentCondition[] {
  const old = findCondition(conditions, next.type);
  if (old && !refresh && old.status === next.status && old.reason === next.reason) return [...conditions];
  const at = timestamp(now);
  const stored = {
    ...next,
    lastUpdateTime: at,
    lastTransitionTime: old?.status === next.status ? (old.lastTransitionTime ?? at) : at,
  };
  return [...conditions.filter((c) => c.type !== next.type), stored];
}

const progressing = (d: Deployment): DeploymentCondition | undefined =>
  findCondition(d.status?.conditions, "Progressing");

export const isComplete = (d: Deployment, status: DeploymentStatus | undefined): boolean =>
  (status?.updatedReplicas ?? 0) === replicasOf(d) &&
  (status?.replicas ?? 0) === replicasOf(d) &&
  (status?.availableReplicas ?? 0) === replicasOf(d) &&
  (status?.observedGeneration ?? 0) >= (d.metadata.generation ?? 0);

function hasProgressed(old: DeploymentStatus | undefined, next: DeploymentStatus): boolean {
  const of = (s: DeploymentStatus | undefined, field: "replicas" | "updatedReplicas"): number =>
    s?.[field] ?? 0;
  return (
    of(next, "updatedReplicas") > of(old, "updatedReplicas") ||
    of(next, "replicas") - of(next, "updatedReplicas") < of(old, "replicas") - of(old, "updatedReplicas") ||
    (next.readyReplicas ?? 0) > (old?.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (old?.availableReplicas ?? 0)
  );
}

/** When the present rollout has been without progress for too long; undefined when it cannot be. */
function deadlineOf(d: Deployment): number | undefined {
  const condition = progressing(d);
  if (!hasProgressDeadline(d) || !condition || condition.reason === "NewReplicaSetAvailable")
    return undefined;
  const since = Date.parse(condition.lastUpdateTime ?? "");
  return Number.isNaN(since) ? undefined : since + (d.spec?.progressDeadlineSeconds ?? 0) * 1000;
}

const isTimedOut = (d: Deployment, now: number): boolean =>
  progressing(d)?.reason === "ProgressDeadlineExceeded" || (deadlineOf(d) ?? Infinity) < now;

/** Milliseconds until the deadline has to be looked at again. */
export function progressCheckIn(d: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const seen = { ...d, status };
  const deadline = deadlineOf(seen);
  if (deadline === undefined || isComplete(d, status)) return undefined;
  if (progressing(seen)?.reason === "ProgressDeadlineExceeded") return undefined;
  return Math.max(0, deadline - now) + 1000;
}

function counts(
  d: Deployment,
  newRs: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  now: number,
): DeploymentStatus {
  const available = sum(all, (rs) => rs.status?.availableReplicas ?? 0);
  const terminating = sum(all, (rs) => rs.status?.terminatingReplicas ?? 0);
  const nonZero = (n: number): number | undefined => (n === 0 ? undefined : n);
  const enough = available >= replicasOf(d) - maxUnavailable(d);
  const conditions = setDeploymentCondition(
    d.status?.conditions ?? [],
    enough
      ? {
          type: "Available",
          status: "True",
          reason: "MinimumReplicasAvailable",
          message: "Deployment has minimum availability.",
        }
      : {
          type: "Available",
          status: "False",
          reason: "MinimumReplicasUnavailable",
          message: "Deployment does not have minimum availability.",
        },
    now,
  );
  return {
    observedGeneration: d.metadata.generation,
    replicas: nonZero(sum(all, (rs) => rs.status?.replicas ?? 0)),
    updatedReplicas: nonZero(newRs?.status?.replicas ?? 0),
    readyReplicas: nonZero(sum(all, (rs) => rs.status?.readyReplicas ?? 0)),
    availableReplicas: nonZero(available),
    unavailableReplicas: nonZero(Math.max(0, sum(all, replicasOf) - available)),
    terminatingReplicas: terminating,
    collisionCount: d.status?.collisionCount,
    conditions,
  };
}

/** The status without any judgement about progress: for paused Deployments and plain scalings. */
export const plainStatus = counts;

/** The status in the course of a rollout: progressing, complete or stuck. */
export function rolloutStatus(
  d: Deployment,
  newRs: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  now: number,
): DeploymentStatus {
  const status = counts(d, newRs, all, now);
  let conditions = status.conditions ?? [];
  if (!hasProgressDeadline(d)) conditions = conditions.filter((c) => c.type !== "Progressing");
  const wasComplete =
    status.replicas === status.updatedReplicas && progressing(d)?.reason === "NewReplicaSetAvailable";
  if (hasProgressDeadline(d) && !wasComplete) {
    const what = newRs ? `ReplicaSet "${newRs.metadata.name}"` : `Deployment "${d.metadata.name}"`;
    const say = (state: string, reason: string, message: string, refresh = false): DeploymentCondition[] =>
      setDeploymentCondition(
        conditions,
        { type: "Progressing", status: state, reason, message: `${what} ${message}` },
        now,
        refresh,
      );
    if (isComplete(d, status))
      conditions = say("True", "NewReplicaSetAvailable", "has successfully progressed.");
    else if (hasProgressed(d.status, status))
      conditions = say("True", "ReplicaSetUpdated", "is progressing.", true);
    else if (isTimedOut(d, now))
      conditions = say("False", "ProgressDeadlineExceeded", "has timed out progressing.");
  }
  const failure = findCondition(
    (newRs ? [newRs, ...all] : all).flatMap((rs) => rs.status?.conditions ?? []),
    "ReplicaFailure",
  );
  conditions = failure
    ? setDeploymentCondition(
        conditions,
        {
          type: "ReplicaFailure",
          status: failure.status,
          reason: failure.reason ?? "",
          message: failure.message ?? "",
        },
        now,
      )
    : conditions.filter((c) => c.type !== "ReplicaFailure");
  return { ...status, conditions };
}

/** What pausing or resuming changes in the Progressing condition, so that the deadline does not run while paused. */
export function pausedConditions(d: Deployment, now: number): DeploymentCondition[] | undefined {
  const condition = progressing(d);
  if (!hasProgressDeadline(d) || condition?.reason === "ProgressDeadlineExceeded") return undefined;
  const wasPaused = condition?.reason === "DeploymentPaused";
  if (Boolean(d.spec?.paused) === wasPaused) return undefined;
  const next = d.spec?.paused
    ? { reason: "DeploymentPaused", message: "Deployment is paused" }
    : { reason: "DeploymentResumed", message: "Deployment is resumed" };
  return setDeploymentCondition(
    d.status?.conditions ?? [],
    { type: "Progressing", status: "Unknown", ...next },
    now,
  );
}
