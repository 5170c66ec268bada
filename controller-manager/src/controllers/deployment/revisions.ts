import type { Deployment, ReplicaSet } from "@coracle/shared/api/generated/apps-v1.ts";
import type { PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { replicaSets, deployments } from "@coracle/shared/api/resources.ts";
import { apiVersionOf } from "@coracle/shared/api/resources.ts";
import { controllerReferenceTo } from "@coracle/shared/meta/owners.ts";
import { semanticEqual } from "../../canonical.ts";
import { hashOf } from "../../rollout/hash.ts";
import { DESIRED_REPLICAS, fences, MAX_REPLICAS, oldestFirst, replicasOf } from "./arithmetic.ts";

/** Which ReplicaSet is which revision of a Deployment, and what a new one looks like. Pure. */

export const HASH_LABEL = "pod-template-hash";
export const REVISION = "deployment.kubernetes.io/revision";
const REVISION_HISTORY = "deployment.kubernetes.io/revision-history";
/** Upstream's bound for the history annotation. */
const HISTORY_LENGTH = 2000;

const NOT_COPIED = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  "deprecated.deployment.rollback.to",
]);

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [HASH_LABEL]: _hash, ...labels } = template?.metadata?.labels ?? {};
  const annotations = template?.metadata?.annotations ?? {};
  return {
    ...template,
    metadata: { ...template?.metadata, labels, annotations, creationTimestamp: undefined },
  };
}

export const sameTemplate = (a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean =>
  semanticEqual(withoutHash(a), withoutHash(b));

/** The oldest ReplicaSet with the Deployment's template: older ones win, so that all replicas of a controller agree. */
export const findNew = (d: Deployment, all: readonly ReplicaSet[]): ReplicaSet | undefined =>
  all.toSorted(oldestFirst).find((rs) => sameTemplate(rs.spec?.template, d.spec?.template));

/** Revisions are 64-bit integers; what is none counts as 0. */
export const revisionOf = (object: {
  metadata: { annotations?: Record<string, string> | undefined };
}): bigint => {
  const text = object.metadata.annotations?.[REVISION] ?? "";
  return /^-?\d{1,19}$/.test(text) ? BigInt(text) : 0n;
};

export const nextRevision = (old: readonly ReplicaSet[]): bigint =>
  old.map(revisionOf).reduce((highest, revision) => (revision > highest ? revision : highest), 0n) + 1n;

const byRevision = (a: ReplicaSet, b: ReplicaSet): number => {
  const difference = revisionOf(a) - revisionOf(b);
  return difference === 0n ? oldestFirst(a, b) : difference < 0n ? -1 : 1;
};

/** The annotations a ReplicaSet of this Deployment should carry, besides those about its size. */
export function annotationsFor(
  d: Deployment,
  rs: ReplicaSet | undefined,
  revision: bigint,
): Record<string, string> {
  const annotations: Record<string, string> = { ...rs?.metadata.annotations };
  for (const [key, value] of Object.entries(d.metadata.annotations ?? {}))
    if (!NOT_COPIED.has(key)) annotations[key] = value;
  const before = annotations[REVISION];
  if (revisionOf({ metadata: { annotations } }) >= revision) return annotations;
  annotations[REVISION] = String(revision);
  if (before !== undefined && before !== "0") {
    const history = (annotations[REVISION_HISTORY] ?? "").split(",").filter(Boolean);
    history.push(before);
    while (history.join(",").length > HISTORY_LENGTH) history.shift();
    annotations[REVISION_HISTORY] = history.join(",");
  }
  return annotations;
}

/** The annotations by which a later scaling knows the proportions of this one. */
export const sizeAnnotations = (d: Deployment): Record<string, string> => ({
  [DESIRED_REPLICAS]: String(replicasOf(d)),
  [MAX_REPLICAS]: String(replicasOf(d) + fences(d).maxSurge),
});

export const templateHash = (d: Deployment): string =>
  hashOf(withoutHash(d.spec?.template), d.status?.collisionCount ?? 0);

/** A new ReplicaSet of the Deployment's present template. */
export function makeReplicaSet(d: Deployment, revision: bigint, replicas: number): ReplicaSet {
  const hash = templateHash(d);
  const template = d.spec?.template;
  const labels = { ...template?.metadata?.labels, [HASH_LABEL]: hash };
  const selector = d.spec?.selector ?? {};
  return {
    apiVersion: apiVersionOf(replicaSets),
    kind: replicaSets.kind,
    metadata: {
      name: `${d.metadata.name}-${hash}`,
      namespace: d.metadata.namespace,
      labels,
      annotations: { ...annotationsFor(d, undefined, revision), ...sizeAnnotations(d) },
      ownerReferences: [controllerReferenceTo(deployments, d)],
    },
    spec: {
      replicas,
      ...(d.spec?.minReadySeconds ? { minReadySeconds: d.spec.minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  };
}

/** Old, empty ReplicaSets beyond the history limit, oldest revision first. */
export function surplusHistory(d: Deployment, old: readonly ReplicaSet[]): ReplicaSet[] {
  const kept = old.filter((rs) => rs.metadata.deletionTimestamp === undefined);
  const surplus = kept.length - (d.spec?.revisionHistoryLimit ?? 10);
  if (surplus <= 0) return [];
  return kept
    .toSorted(byRevision)
    .slice(0, surplus)
    .filter(
      (rs) =>
        replicasOf(rs) === 0 &&
        (rs.status?.replicas ?? 0) === 0 &&
        (rs.metadata.generation ?? 0) <= (rs.status?.observedGeneration ?? 0),
    );
}
