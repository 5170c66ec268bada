import type { StatefulSet } from "@coracle/shared/api/generated/apps-v1.ts";
import type { PersistentVolumeClaim, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { OwnerReference } from "@coracle/shared/api/generated/meta-v1.ts";
import { persistentVolumeClaims, pods, statefulSets } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { isAlreadyExists, isNotFound } from "@coracle/shared/errors.ts";
import { controllerReferenceTo, ownerReferenceTo } from "@coracle/shared/meta/owners.ts";
import { messageOf, namespaceTerminating } from "../../pods/control.ts";
import { claimsFor, ordinalOf, podName, startOrdinal } from "./identity.ts";

/** The volume claims of a StatefulSet's pods, and who owns them by its retention policy. */

/** Makes the claims a pod of this ordinal needs and does not have; an existing one is taken as it is. */
export async function ensureClaims(ctx: ControllerContext, set: StatefulSet, ordinal: number): Promise<void> {
  for (const claim of claimsFor(set, ordinal)) {
    const key = `${claim.metadata.namespace}/${claim.metadata.name}`;
    const existing = ctx.informers.for(persistentVolumeClaims).get(key);
    if (existing?.metadata.deletionTimestamp !== undefined)
      throw new Error(`pvc ${claim.metadata.name} is being deleted`);
    if (existing) continue;
    const what = `create Claim ${claim.metadata.name} Pod ${podName(set, ordinal)} in StatefulSet ${set.metadata.name}`;
    const references = ownersFor(set, ordinal, undefined);
    if (references.length > 0) claim.metadata.ownerReferences = references;
    try {
      await ctx.client.create(persistentVolumeClaims, claim, { signal: ctx.signal });
      ctx.events.record(set, "Normal", "SuccessfulCreate", `${what} success`);
    } catch (error) {
      if (isAlreadyExists(error) || namespaceTerminating(error)) continue;
      ctx.events.record(set, "Warning", "FailedCreate", `${what} failed error: ${messageOf(error)}`);
      throw error;
    }
  }
}

/** Who should own the claims of an ordinal: the set, the pod that is on its way out, or nobody. Pure. */
export function ownersFor(set: StatefulSet, ordinal: number, pod: Pod | undefined): OwnerReference[] {
  const policy = set.spec?.persistentVolumeClaimRetentionPolicy;
  const start = startOrdinal(set);
  const surplus = ordinal < start || ordinal >= start + (set.spec?.replicas ?? 1);
  if (surplus && policy?.whenScaled === "Delete" && pod) return [ownerReferenceTo(pods, pod)];
  return policy?.whenDeleted === "Delete" && !(surplus && policy.whenScaled === "Delete")
    ? [controllerReferenceTo(statefulSets, set)]
    : [];
}

/** Brings the owners of a pod's claims in line with the policy: with them the garbage collector deletes the claims. */
export async function alignOwners(ctx: ControllerContext, set: StatefulSet, pod: Pod): Promise<void> {
  const ordinal = ordinalOf(set, pod);
  if (ordinal === undefined || pod.metadata.deletionTimestamp !== undefined) return;
  const wanted = ownersFor(set, ordinal, pod);
  for (const { metadata } of claimsFor(set, ordinal)) {
    const claim = ctx.informers.for(persistentVolumeClaims).get(`${metadata.namespace}/${metadata.name}`);
    if (claim) await setOwners(ctx, set, pod, claim, wanted);
  }
}

async function setOwners(
  ctx: ControllerContext,
  set: StatefulSet,
  pod: Pod,
  claim: PersistentVolumeClaim,
  wanted: readonly OwnerReference[],
): Promise<void> {
  const present = claim.metadata.ownerReferences ?? [];
  const ours = (ref: OwnerReference): boolean =>
    ref.uid === set.metadata.uid || (ref.kind === "Pod" && ref.name === pod.metadata.name);
  const next = [...present.filter((r) => !ours(r)), ...wanted];
  const uids = (refs: readonly OwnerReference[]): string => refs.map((r) => r.uid).join();
  if (uids(next) === uids(present)) return;
  const { name = "", namespace, uid, resourceVersion } = claim.metadata;
  await ctx.client
    .patch(
      persistentVolumeClaims,
      { name, namespace },
      { type: "merge", body: { metadata: { uid, resourceVersion, ownerReferences: next } } },
      { signal: ctx.signal },
    )
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
}
