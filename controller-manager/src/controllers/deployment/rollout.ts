import type { Deployment, DeploymentStatus, ReplicaSet } from "@coracle/shared/api/generated/apps-v1.ts";
import { deployments, replicaSets } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { ApiError, isAlreadyExists } from "@coracle/shared/errors.ts";
import { controllerOf } from "@coracle/shared/meta/owners.ts";
import { semanticEqual } from "../../canonical.ts";
import { findCondition } from "../../conditions.ts";
import { messageOf, namespaceTerminating } from "../../pods/control.ts";
import { newReplicaSetSize, replicasOf } from "./arithmetic.ts";
import * as revisions from "./revisions.ts";
import { hasProgressDeadline, setDeploymentCondition } from "./status.ts";

/** One Deployment in the course of one reconcile, with the writes a rollout consists of. */
export interface Rollout {
  readonly ctx: ControllerContext;
  /** As last read or written. */
  deployment: Deployment;
  /** The ReplicaSets of earlier templates. */
  readonly old: readonly ReplicaSet[];
  /** The ReplicaSet of the present template, once there is one. */
  current: ReplicaSet | undefined;
}

export const allOf = (r: Rollout): readonly ReplicaSet[] => (r.current ? [...r.old, r.current] : r.old);
export const activeOf = (sets: readonly ReplicaSet[]): ReplicaSet[] =>
  sets.filter((rs) => replicasOf(rs) > 0);

export async function writeStatus(r: Rollout, status: DeploymentStatus): Promise<void> {
  if (semanticEqual(status, r.deployment.status)) return;
  r.deployment = await r.ctx.client.update(
    deployments,
    { ...r.deployment, status },
    { subresource: "status", signal: r.ctx.signal },
  );
}

/** Sets a ReplicaSet's size, with an event when it changes, and the annotations that remember the Deployment's. */
export async function scale(r: Rollout, rs: ReplicaSet, replicas: number): Promise<ReplicaSet> {
  const annotations = { ...rs.metadata.annotations, ...revisions.sizeAnnotations(r.deployment) };
  const before = replicasOf(rs);
  if (before === replicas && semanticEqual(annotations, rs.metadata.annotations)) return rs;
  const updated = await r.ctx.client.update(
    replicaSets,
    {
      ...rs,
      metadata: { ...rs.metadata, annotations },
      spec: { ...rs.spec, replicas } as typeof rs.spec & object,
    },
    { signal: r.ctx.signal },
  );
  if (before !== replicas) announceScaling(r, rs, before, replicas);
  if (r.current?.metadata.uid === rs.metadata.uid) r.current = updated;
  return updated;
}

function announceScaling(r: Rollout, rs: ReplicaSet, from: number, to: number): void {
  const direction = to > from ? "up" : "down";
  r.ctx.events.record(
    r.deployment,
    "Normal",
    "ScalingReplicaSet",
    `Scaled ${direction} replica set ${rs.metadata.name} from ${from} to ${to}`,
  );
}

/** Brings the present template's ReplicaSet into being, with its revision; with `create` false only looks after an existing one. */
export async function ensureCurrent(r: Rollout, create: boolean): Promise<void> {
  const revision = revisions.nextRevision(r.old);
  if (r.current) r.current = await refresh(r, r.current, revision);
  else if (create) r.current = await createCurrent(r, revision);
  if (r.current) await recordRevision(r, revisions.revisionOf(r.current));
}

async function refresh(r: Rollout, rs: ReplicaSet, revision: bigint): Promise<ReplicaSet> {
  const annotations = revisions.annotationsFor(r.deployment, rs, revision);
  const minReadySeconds = r.deployment.spec?.minReadySeconds ?? 0;
  const sameDelay = (rs.spec?.minReadySeconds ?? 0) === minReadySeconds;
  if (sameDelay && semanticEqual(annotations, rs.metadata.annotations ?? {})) {
    await noteProgress(r, "FoundNewReplicaSet", `Found new replica set "${rs.metadata.name}"`);
    return rs;
  }
  return r.ctx.client.update(
    replicaSets,
    {
      ...rs,
      metadata: { ...rs.metadata, annotations },
      spec: { ...rs.spec, minReadySeconds } as typeof rs.spec & object,
    },
    { signal: r.ctx.signal },
  );
}

async function createCurrent(r: Rollout, revision: bigint): Promise<ReplicaSet> {
  const d = r.deployment;
  const replicas = newReplicaSetSize(d, r.old, 0);
  const wanted = revisions.makeReplicaSet(d, revision, replicas);
  try {
    const created = await r.ctx.client.create(replicaSets, wanted, { signal: r.ctx.signal });
    if (replicas > 0) announceScaling(r, created, 0, replicas);
    await noteProgress(r, "NewReplicaSetCreated", `Created new replica set "${created.metadata.name}"`, true);
    return created;
  } catch (error) {
    if (isAlreadyExists(error)) return takeOrStepAside(r, wanted);
    if (!namespaceTerminating(error)) await reportFailure(r, wanted, error);
    throw error;
  }
}

/** The name is taken: by our own work that the cache does not show yet, or by a hash collision, which asks for another name. */
async function takeOrStepAside(r: Rollout, wanted: ReplicaSet): Promise<ReplicaSet> {
  const d = r.deployment;
  const { name = "", namespace } = wanted.metadata;
  const existing = await r.ctx.client.get(replicaSets, { name, namespace }, { signal: r.ctx.signal });
  if (
    controllerOf(existing)?.uid === d.metadata.uid &&
    revisions.sameTemplate(existing.spec?.template, d.spec?.template)
  )
    return existing;
  const collisionCount = (d.status?.collisionCount ?? 0) + 1;
  await writeStatus(r, { ...d.status, collisionCount });
  throw new ApiError(409, "AlreadyExists", `replicasets.apps "${name}" already exists: hash collision`);
}

async function reportFailure(r: Rollout, wanted: ReplicaSet, error: unknown): Promise<void> {
  const message = `Failed to create new replica set "${wanted.metadata.name}": ${messageOf(error)}`;
  if (hasProgressDeadline(r.deployment)) {
    const conditions = setDeploymentCondition(
      r.deployment.status?.conditions ?? [],
      { type: "Progressing", status: "False", reason: "ReplicaSetCreateError", message },
      r.ctx.clock.now(),
    );
    await writeStatus(r, { ...r.deployment.status, conditions });
  }
  r.ctx.events.record(r.deployment, "Warning", "ReplicaSetCreateError", message);
}

/** A rollout begins: the deadline runs from here. */
async function noteProgress(r: Rollout, reason: string, message: string, anew = false): Promise<void> {
  const conditions = r.deployment.status?.conditions ?? [];
  if (!hasProgressDeadline(r.deployment)) return;
  if (!anew && findCondition(conditions, "Progressing")) return;
  await writeStatus(r, {
    ...r.deployment.status,
    conditions: setDeploymentCondition(
      conditions,
      { type: "Progressing", status: "True", reason, message },
      r.ctx.clock.now(),
    ),
  });
}

/**
 * The Deployment shows the revision of its present ReplicaSet, for `kubectl rollout history`. Written with the status: it is no
 * change of what is wanted, so no new generation.
 */
async function recordRevision(r: Rollout, revision: bigint): Promise<void> {
  const value = String(revision);
  if (r.deployment.metadata.annotations?.[revisions.REVISION] === value) return;
  const { name = "", namespace } = r.deployment.metadata;
  r.deployment = await r.ctx.client.patch(
    deployments,
    { name, namespace },
    { type: "merge", body: { metadata: { annotations: { [revisions.REVISION]: value } } } },
    { signal: r.ctx.signal, subresource: "status" },
  );
}
