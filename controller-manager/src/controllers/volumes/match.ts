import type { Node, PersistentVolume, PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import { selectorFromObject } from "@coracle/shared/meta/labels.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import { nodeSelectorMatches } from "@coracle/shared/scheduling/node-affinity.ts";

/** Which volume a claim can be bound to. Pure. */

export const classOf = (o: { spec?: { storageClassName?: string | undefined } | undefined }): string =>
  o.spec?.storageClassName ?? "";

const storage = (quantities: Readonly<Record<string, string>> | undefined): number =>
  resourceAmount("storage", quantities?.["storage"] ?? "0");

export const isClaimedBy = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const ref = volume.spec?.claimRef;
  return (
    ref?.name === claim.metadata.name &&
    ref?.namespace === claim.metadata.namespace &&
    (!ref?.uid || ref.uid === claim.metadata.uid)
  );
};

/** Size, access, mode and class of the volume suit the claim. */
export function suits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const modes = volume.spec?.accessModes ?? [];
  return (
    storage(volume.spec?.capacity) >= storage(claim.spec?.resources?.requests) &&
    (claim.spec?.accessModes ?? []).every((m) => modes.includes(m)) &&
    (volume.spec?.volumeMode ?? "Filesystem") === (claim.spec?.volumeMode ?? "Filesystem") &&
    classOf(volume) === classOf(claim) &&
    (volume.spec?.volumeAttributesClassName ?? "") === (claim.spec?.volumeAttributesClassName ?? "")
  );
}

/** The smallest free volume that suits; one reserved for the claim comes first. `node`: the volume must be usable there. */
export function bestMatch(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  node?: Node,
): PersistentVolume | undefined {
  const selector = claim.spec?.selector ? selectorFromObject(claim.spec.selector) : undefined;
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (volume.metadata.deletionTimestamp !== undefined || !suits(volume, claim)) continue;
    if (node && !nodeSelectorMatches(volume.spec?.nodeAffinity?.required, node)) continue;
    if (volume.spec?.claimRef) {
      if (isClaimedBy(volume, claim)) return volume;
      continue;
    }
    if (volume.status?.phase !== "Available" || (selector && !selector.matches(volume.metadata.labels)))
      continue;
    if (!best || storage(volume.spec?.capacity) < storage(best.spec?.capacity)) best = volume;
  }
  return best;
}
