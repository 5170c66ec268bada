import { objectOf, type AdmissionPlugin } from "./plugin.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";

// VolumeAttributesClasses get none: no volume here is ever modified by one, so nothing would take it off again.
const finalizers: Readonly<Record<string, string>> = {
  persistentvolumeclaims: "kubernetes.io/pvc-protection",
  persistentvolumes: "kubernetes.io/pv-protection",
};

/** Claims and volumes in use stay until they are not. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  handles: (a) =>
    a.operation === "CREATE" && a.subresource === "" && finalizers[a.kind.storage] !== undefined,
  mutate(a) {
    const finalizer = finalizers[a.kind.storage];
    const { metadata } = objectOf<KubeObject>(a);
    if (finalizer && !metadata.finalizers?.includes(finalizer)) (metadata.finalizers ??= []).push(finalizer);
  },
};
