import type { PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import type { Ingress } from "@coracle/shared/api/generated/networking-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import {
  allCached,
  annotationsOf,
  isFor,
  objectOf,
  type AdmissionContext,
  type AdmissionPlugin,
} from "./plugin.ts";

/** The object annotated as default: of several the newest, then the first by name. */
function defaultOf(
  ctx: AdmissionContext,
  resource: string,
  annotations: readonly string[],
): KubeObject | undefined {
  let best: KubeObject | undefined;
  for (const candidate of allCached<KubeObject>(ctx, resource)) {
    if (
      annotations.some((a) => annotationsOf(candidate)[a] === "true") &&
      (!best || isBefore(candidate, best))
    ) {
      best = candidate;
    }
  }
  return best;
}

function isBefore(a: KubeObject, b: KubeObject): boolean {
  const [left, right] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  return left === right ? (a.metadata.name ?? "") < (b.metadata.name ?? "") : left > right;
}

/** A claim that names no storage class gets the default one. */
export const defaultStorageClass: AdmissionPlugin = {
  name: "DefaultStorageClass",
  handles: (a) => a.operation === "CREATE" && isFor(a, "persistentvolumeclaims"),
  mutate(a, ctx) {
    const claim = objectOf<PersistentVolumeClaim>(a);
    if (claim.spec?.storageClassName !== undefined) return;
    if (annotationsOf(claim)["volume.beta.kubernetes.io/storage-class"] !== undefined) return;
    const found = defaultOf(ctx, "storageclasses.storage.k8s.io", [
      "storageclass.kubernetes.io/is-default-class",
      "storageclass.beta.kubernetes.io/is-default-class",
    ]);
    if (found) (claim.spec ??= {}).storageClassName = found.metadata.name;
  },
};

/** An Ingress that names no class gets the default one. */
export const defaultIngressClass: AdmissionPlugin = {
  name: "DefaultIngressClass",
  handles: (a) => a.operation === "CREATE" && isFor(a, "ingresses.networking.k8s.io"),
  mutate(a, ctx) {
    const ingress = objectOf<Ingress>(a);
    if (ingress.spec?.ingressClassName !== undefined) return;
    if (annotationsOf(ingress)["kubernetes.io/ingress.class"] !== undefined) return;
    const found = defaultOf(ctx, "ingressclasses.networking.k8s.io", [
      "ingressclass.kubernetes.io/is-default-class",
    ]);
    if (found) (ingress.spec ??= {}).ingressClassName = found.metadata.name;
  },
};
