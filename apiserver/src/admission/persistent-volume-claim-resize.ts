import type { PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import type { StorageClass } from "@coracle/shared/api/generated/storage-v1.ts";
import { compareQuantities, parseQuantity } from "@coracle/shared/meta/quantity.ts";
import { cached, isFor, objectOf, oldObjectOf, refuse, type AdmissionPlugin } from "./plugin.ts";

/** A claim may only ask for more of a class that can give more. */
export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: "PersistentVolumeClaimResize",
  handles: (a) => a.operation === "UPDATE" && isFor(a, "persistentvolumeclaims"),
  validate(a, ctx) {
    const claim = objectOf<PersistentVolumeClaim>(a);
    const old = oldObjectOf<PersistentVolumeClaim>(a);
    const size = (c: PersistentVolumeClaim | undefined) =>
      parseQuantity(c?.spec?.resources?.requests?.["storage"] ?? "0");
    if (compareQuantities(size(claim), size(old)) <= 0) return;
    if (old?.status?.phase !== "Bound")
      throw refuse(a, "Only bound persistent volume claims can be expanded");
    const name = claim.spec?.storageClassName ?? "";
    if (!cached<StorageClass>(ctx, "storageclasses.storage.k8s.io", "", name)?.allowVolumeExpansion) {
      throw refuse(
        a,
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
      );
    }
  },
};
