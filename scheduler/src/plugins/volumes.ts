import type { PersistentVolume, PersistentVolumeClaim, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { StorageClass } from "@coracle/shared/api/generated/storage-v1.ts";
import { selectorFromObject } from "@coracle/shared/meta/labels.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import { nodeSelectorMatches } from "@coracle/shared/scheduling/node-affinity.ts";
import { CycleState, unfit, unresolvable, type Plugin, type Unfit } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import type { PodInfo } from "../pod-info.ts";

const name = "VolumeBinding";
const noProvisioner = "kubernetes.io/no-provisioner";
export const selectedNodeAnnotation = "volume.kubernetes.io/selected-node";

/** What the volume plugins read and write. */
export interface VolumeAccess {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumesOfClass(storageClass: string): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  /** Pre-binds a volume to a claim. */
  bindVolume(volume: PersistentVolume, claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void>;
  /** Asks the provisioner to make a volume for the claim on this node. */
  selectNode(claim: PersistentVolumeClaim, node: string, signal: AbortSignal): Promise<void>;
  /** Resolves when every claim is bound. @throws Error after the time-out */
  waitUntilBound(claims: readonly { namespace: string; name: string }[], signal: AbortSignal): Promise<void>;
}

interface NamedClaim {
  readonly name: string;
  /** Made for the pod: by the controller of ephemeral volumes. */
  readonly ephemeral: boolean;
}
const claimsOf = (pod: Pod): NamedClaim[] =>
  (pod.spec?.volumes ?? []).flatMap((v): NamedClaim[] =>
    v.persistentVolumeClaim
      ? [{ name: v.persistentVolumeClaim.claimName, ephemeral: false }]
      : v.ephemeral
        ? [{ name: `${pod.metadata.name}-${v.name}`, ephemeral: true }]
        : [],
  );
/** Names of the claims a pod uses, those of generic ephemeral volumes included. */
export const claimNames = (pod: Pod): string[] => claimsOf(pod).map((claim) => claim.name);

const isBound = (claim: PersistentVolumeClaim): boolean =>
  Boolean(claim.spec?.volumeName) &&
  claim.metadata.annotations?.["pv.kubernetes.io/bind-completed"] !== undefined;

interface Claims {
  readonly bound: readonly PersistentVolume[];
  readonly delayed: readonly PersistentVolumeClaim[];
}
/** Node → what each delayed claim would get there. */
type Decisions = Map<
  string,
  readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume | undefined }[]
>;

const size = (storage: string | number | undefined): number => resourceAmount("storage", storage ?? "0");

function fits(volume: PersistentVolume, claim: PersistentVolumeClaim, node: NodeInfo): boolean {
  if (volume.status?.phase !== "Available" || volume.metadata.deletionTimestamp) return false;
  const reference = volume.spec?.claimRef;
  if (
    reference &&
    (reference.namespace !== claim.metadata.namespace || reference.name !== claim.metadata.name)
  )
    return false;
  if (size(volume.spec?.capacity?.["storage"]) < size(claim.spec?.resources?.requests?.["storage"]))
    return false;
  if (!(claim.spec?.accessModes ?? []).every((mode) => volume.spec?.accessModes?.includes(mode)))
    return false;
  const { selector } = claim.spec ?? {};
  if (selector && !selectorFromObject(selector).matches(volume.metadata.labels)) return false;
  if ((volume.spec?.volumeMode ?? "Filesystem") !== (claim.spec?.volumeMode ?? "Filesystem")) return false;
  return node.node !== undefined && nodeSelectorMatches(volume.spec?.nodeAffinity?.required, node.node);
}

/** Claims must be bindable where the pod goes: bound ones reach the node, delayed ones get a volume there (WaitForFirstConsumer). */
export function createVolumeBinding(access: VolumeAccess): Plugin {
  const reserved = new Set<string>();

  const sort = (pod: PodInfo): Claims | Unfit => {
    const bound: PersistentVolume[] = [];
    const delayed: PersistentVolumeClaim[] = [];
    for (const { name: claimName, ephemeral } of claimsOf(pod.pod)) {
      const claim = access.claim(pod.namespace, claimName);
      if (!claim)
        return unresolvable(
          ephemeral
            ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${claimName}"`
            : `persistentvolumeclaim "${claimName}" not found`,
        );
      if (claim.metadata.deletionTimestamp)
        return unresolvable(`persistentvolumeclaim "${claimName}" is being deleted`);
      if (claim.status?.phase === "Lost")
        return unresolvable(
          `persistentvolumeclaim "${claimName}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`,
        );
      if (isBound(claim)) {
        const volume = access.volume(claim.spec?.volumeName ?? "");
        if (!volume)
          return unresolvable("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
        bound.push(volume);
      } else if (
        access.storageClass(claim.spec?.storageClassName ?? "")?.volumeBindingMode === "WaitForFirstConsumer"
      )
        delayed.push(claim);
      else return unresolvable("pod has unbound immediate PersistentVolumeClaims");
    }
    return { bound, delayed };
  };

  const decide = (
    claim: PersistentVolumeClaim,
    node: NodeInfo,
    taken: Set<string>,
  ): { claim: PersistentVolumeClaim; volume: PersistentVolume | undefined } | undefined => {
    const className = claim.spec?.storageClassName ?? "";
    const candidates = access
      .volumesOfClass(className)
      .filter(
        (v) =>
          !reserved.has(v.metadata.name ?? "") && !taken.has(v.metadata.name ?? "") && fits(v, claim, node),
      );
    const volume = candidates.toSorted(
      (a, b) => size(a.spec?.capacity?.["storage"]) - size(b.spec?.capacity?.["storage"]),
    )[0];
    if (volume) return { claim, volume };
    const storageClass = access.storageClass(className);
    if (!storageClass || storageClass.provisioner === noProvisioner) return undefined;
    const topologies = storageClass.allowedTopologies ?? [];
    const allowed =
      topologies.length === 0 ||
      topologies.some((t) =>
        (t.matchLabelExpressions ?? []).every((e) =>
          e.values.includes(node.node?.metadata.labels?.[e.key] ?? ""),
        ),
      );
    return allowed ? { claim, volume: undefined } : undefined;
  };

  return {
    name,
    preFilter(pod, _cluster, state) {
      if (claimNames(pod.pod).length === 0) return undefined;
      const claims = sort(pod);
      if ("reasons" in claims) return claims;
      state.set(name, { claims, decisions: new Map() as Decisions });
      return undefined;
    },
    filter(_pod, node, state: CycleState) {
      const found = state.get<{ claims: Claims; decisions: Decisions }>(name);
      if (!found || !node.node) return undefined;
      const { node: nodeObject } = node;
      if (!found.claims.bound.every((v) => nodeSelectorMatches(v.spec?.nodeAffinity?.required, nodeObject)))
        return unresolvable("node(s) didn't match PersistentVolume's node affinity");
      const taken = new Set<string>();
      const decisions: { claim: PersistentVolumeClaim; volume: PersistentVolume | undefined }[] = [];
      for (const claim of found.claims.delayed) {
        const decision = decide(claim, node, taken);
        if (!decision) return unresolvable("node(s) didn't find available persistent volumes to bind");
        if (decision.volume) taken.add(decision.volume.metadata.name ?? "");
        decisions.push(decision);
      }
      found.decisions.set(node.name, decisions);
      return undefined;
    },
    reserve(_pod, node, state) {
      for (const { volume } of state.get<{ decisions: Decisions }>(name)?.decisions.get(node.name) ?? [])
        if (volume) reserved.add(volume.metadata.name ?? "");
      return undefined;
    },
    unreserve(_pod, node, state) {
      for (const { volume } of state.get<{ decisions: Decisions }>(name)?.decisions.get(node.name) ?? [])
        if (volume) reserved.delete(volume.metadata.name ?? "");
    },
    async preBind(pod, node, state, signal) {
      const decisions = state.get<{ decisions: Decisions }>(name)?.decisions.get(node.name) ?? [];
      if (decisions.length === 0) return;
      try {
        for (const { claim, volume } of decisions) {
          if (volume) await access.bindVolume(volume, claim, signal);
          else await access.selectNode(claim, node.name, signal);
        }
        await access.waitUntilBound(
          decisions.map(({ claim }) => ({ namespace: pod.namespace, name: claim.metadata.name ?? "" })),
          signal,
        );
      } finally {
        for (const { volume } of decisions) if (volume) reserved.delete(volume.metadata.name ?? "");
      }
    },
    helps: (event) =>
      event.kind === "volume" ||
      event.kind === "node-added" ||
      (event.kind === "node-changed" && event.changed.has("labels")),
  };
}

/** A claim that only one pod may use (ReadWriteOncePod) is free, or the pod waits or preempts its user (KEP-2485). */
export function createVolumeRestrictions(access: Pick<VolumeAccess, "claim">): Plugin {
  const plugin = "VolumeRestrictions";
  interface Conflicts {
    readonly exclusive: readonly string[];
    users: number;
  }
  const uses = (pod: PodInfo, other: PodInfo, exclusive: readonly string[]): boolean =>
    other.namespace === pod.namespace && claimNames(other.pod).some((c) => exclusive.includes(c));
  return {
    name: plugin,
    preFilter(pod, cluster, state) {
      const exclusive = claimNames(pod.pod).filter((c) =>
        access.claim(pod.namespace, c)?.spec?.accessModes?.includes("ReadWriteOncePod"),
      );
      if (exclusive.length === 0) return undefined;
      let users = 0;
      for (const node of cluster.nodes)
        for (const other of node.pods.values()) if (uses(pod, other, exclusive)) users += 1;
      state.set(plugin, { exclusive, users } satisfies Conflicts);
      return undefined;
    },
    simulate(pod, other, _node, by, state) {
      const conflicts = state.get<Conflicts>(plugin);
      if (conflicts && uses(pod, other, conflicts.exclusive)) conflicts.users += by;
    },
    filter: (_pod, _node, state) =>
      (state.get<Conflicts>(plugin)?.users ?? 0) > 0
        ? unfit(
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
          )
        : undefined,
    helps: (event) => event.kind === "pod-deleted" || event.kind === "volume",
  };
}
