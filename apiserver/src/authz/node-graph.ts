import type { Pod, PersistentVolume, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import type { ResourceSlice } from "@coracle/shared/api/generated/resource-v1.ts";
import type { VolumeAttachment } from "@coracle/shared/api/generated/storage-v1.ts";
import type { CachedObject, CacheEvent, WatchCache } from "../watch/cache.ts";

/** What the pods of each node refer to. */
export interface NodeGraph {
  /** Whether a pod bound to the node uses this object. `id` as {@link vertex} makes it. */
  uses(node: string, id: string): boolean;
  close(): void;
}

export const vertex = (resource: string, namespace: string, name: string): string =>
  `${resource}/${namespace}/${name}`;

const attachments = "volumeattachments.storage.k8s.io";
const slices = "resourceslices.resource.k8s.io";
const claims = "resourceclaims.resource.k8s.io";
/** What leads from a node to other objects. */
const followed = ["pods", attachments, slices];

/**
 * Follows pods, volumes, claims, attachments and slices of devices. An object is reached from a node through its pods, and a claim's volume
 * through the claim; counts let a reference end with the last pod that has it.
 */
export function createNodeGraph(cache: Pick<WatchCache, "all" | "onChange" | "get">): NodeGraph {
  /** object → node → number of references */
  const references = new Map<string, Map<string, number>>();
  /** claim → what it stands for: its volume and the volume's secrets */
  const volumes = new Map<string, readonly string[]>();

  const count = (id: string, node: string, by: 1 | -1): void => {
    const of = references.get(id) ?? new Map<string, number>();
    const next = (of.get(node) ?? 0) + by;
    if (next > 0) references.set(id, of.set(node, next));
    else if (of.delete(node) && of.size === 0) references.delete(id);
  };

  const edges = (object: CachedObject): { node: string; ids: readonly string[] } => {
    if (object.key.resource === "pods") return podEdges(object.object);
    if (object.key.resource === slices) {
      const slice = object.object as unknown as ResourceSlice;
      return { node: slice.spec.nodeName ?? "", ids: [vertex(slices, "", object.key.name)] };
    }
    const { spec } = object.object as unknown as VolumeAttachment;
    return { node: spec.nodeName, ids: [vertex(attachments, "", object.key.name)] };
  };
  const change = (object: CachedObject, by: 1 | -1): void => {
    const { node, ids } = edges(object);
    if (node) for (const id of ids) count(id, node, by);
  };
  const setVolume = (object: CachedObject, present: boolean): void => {
    const volume = object.object as unknown as PersistentVolume;
    const claim = volume.spec?.claimRef;
    if (!claim?.name) return;
    const id = vertex("persistentvolumeclaims", claim.namespace ?? "", claim.name);
    if (present) volumes.set(id, volumeIds(volume));
    else volumes.delete(id);
  };

  const close = cache.onChange(({ type, current, previous }: CacheEvent) => {
    const { resource } = current.key;
    if (followed.includes(resource)) {
      if (previous && type === "MODIFIED" && sameEdges(edges(previous), edges(current))) return;
      if (previous) change(previous, -1);
      if (type !== "DELETED") change(current, 1);
    } else if (resource === "persistentvolumes") {
      if (previous) setVolume(previous, false);
      if (type !== "DELETED") setVolume(current, true);
    }
  });
  for (const resource of followed) for (const o of cache.all(resource)) change(o, 1);
  for (const object of cache.all("persistentvolumes")) setVolume(object, true);

  const direct = (node: string, id: string): boolean => (references.get(id)?.get(node) ?? 0) > 0;
  return {
    uses(node, id) {
      if (direct(node, id)) return true;
      // A volume, or a secret of its driver, through the claim it is bound to.
      if (id.startsWith("persistentvolumes/")) {
        const claim = claimOf(cache, id);
        return claim !== undefined && direct(node, claim);
      }
      if (!id.startsWith("secrets/")) return false;
      for (const [claim, ids] of volumes) if (ids.includes(id) && direct(node, claim)) return true;
      return false;
    },
    close,
  };
}

function claimOf(cache: Pick<WatchCache, "get">, id: string): string | undefined {
  const name = id.slice(id.lastIndexOf("/") + 1);
  const volume = cache.get({ resource: "persistentvolumes", namespace: "", name });
  const ref = (volume?.object as unknown as PersistentVolume | undefined)?.spec?.claimRef;
  return ref?.name ? vertex("persistentvolumeclaims", ref.namespace ?? "", ref.name) : undefined;
}

const sameEdges = (
  a: { node: string; ids: readonly string[] },
  b: { node: string; ids: readonly string[] },
): boolean => a.node === b.node && a.ids.length === b.ids.length && a.ids.every((id, i) => id === b.ids[i]);

/** The pod itself and all it names. A mirror pod is made by its node and vouches for nothing. */
function podEdges(pod: Pod): { node: string; ids: readonly string[] } {
  const namespace = pod.metadata.namespace ?? "";
  const node = pod.spec?.nodeName ?? "";
  if (!node) return { node, ids: [] };
  const ids = new Set([vertex("pods", namespace, pod.metadata.name ?? "")]);
  if (pod.metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined) return { node, ids: [...ids] };
  const add = (resource: string, name: string | undefined): void => {
    if (name) ids.add(vertex(resource, namespace, name));
  };
  add("serviceaccounts", pod.spec?.serviceAccountName);
  for (const ref of pod.spec?.imagePullSecrets ?? []) add("secrets", ref.name);
  const containers = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []),
    ...(pod.spec?.ephemeralContainers ?? []),
  ];
  for (const { env, envFrom } of containers) {
    for (const { secretRef, configMapRef } of envFrom ?? []) {
      add("secrets", secretRef?.name);
      add("configmaps", configMapRef?.name);
    }
    for (const { valueFrom } of env ?? []) {
      add("secrets", valueFrom?.secretKeyRef?.name);
      add("configmaps", valueFrom?.configMapKeyRef?.name);
    }
  }
  for (const volume of pod.spec?.volumes ?? []) volumeEdges(volume, pod.metadata.name ?? "", add);
  for (const claim of pod.spec?.resourceClaims ?? []) add(claims, claim.resourceClaimName);
  // Those made from templates.
  for (const claim of pod.status?.resourceClaimStatuses ?? []) add(claims, claim.resourceClaimName);
  add(claims, pod.status?.extendedResourceClaimStatus?.resourceClaimName);
  return { node, ids: [...ids] };
}

function volumeEdges(
  volume: Volume,
  pod: string,
  add: (resource: string, name: string | undefined) => void,
): void {
  add("secrets", volume.secret?.secretName);
  add("configmaps", volume.configMap?.name);
  add("persistentvolumeclaims", volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral) add("persistentvolumeclaims", `${pod}-${volume.name}`);
  for (const { secret, configMap } of volume.projected?.sources ?? []) {
    add("secrets", secret?.name);
    add("configmaps", configMap?.name);
  }
  add("secrets", volume.csi?.nodePublishSecretRef?.name);
  add("secrets", volume.cephfs?.secretRef?.name);
  add("secrets", volume.rbd?.secretRef?.name);
  add("secrets", volume.iscsi?.secretRef?.name);
  add("secrets", volume.flexVolume?.secretRef?.name);
  add("secrets", volume.azureFile?.secretName);
}

function volumeIds(volume: PersistentVolume): string[] {
  const csi = volume.spec?.csi;
  const claimNamespace = volume.spec?.claimRef?.namespace ?? "";
  return [
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
    volume.spec?.iscsi?.secretRef,
    volume.spec?.rbd?.secretRef,
    volume.spec?.cephfs?.secretRef,
  ].flatMap((ref) => (ref?.name ? [vertex("secrets", ref.namespace ?? claimNamespace, ref.name)] : []));
}
