import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isTerminal } from "@coracle/shared/meta/pods.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterEvent } from "./framework.ts";
import { podInfo } from "./pod-info.ts";

export const same = (a: unknown, b: unknown): boolean =>
  JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** What of a node changed that scheduling cares about. A heartbeat changes nothing. */
export function nodeChanges(
  node: Node,
  old: Node,
): Set<"allocatable" | "labels" | "taints" | "unschedulable" | "images"> {
  const changed = new Set<"allocatable" | "labels" | "taints" | "unschedulable" | "images">();
  if (!same(node.status?.allocatable, old.status?.allocatable)) changed.add("allocatable");
  if (!same(node.metadata.labels, old.metadata.labels)) changed.add("labels");
  if (!same(node.spec?.taints, old.spec?.taints)) changed.add("taints");
  if ((node.spec?.unschedulable ?? false) !== (old.spec?.unschedulable ?? false))
    changed.add("unschedulable");
  if (!same(node.status?.images, old.status?.images)) changed.add("images");
  return changed;
}

/** The event that a placed pod's change means, if it means one. */
export function podEvent(pod: Pod, old: Pod | undefined, cluster: Cluster): ClusterEvent | undefined {
  const info = podInfo(pod);
  if (isTerminal(pod)) return old && !isTerminal(old) ? { kind: "pod-deleted", pod: info } : undefined;
  // The binding of a pod we assumed ourselves changes nothing: the cluster has counted it since.
  if (!old?.spec?.nodeName) return cluster.isAssumed(info.uid) ? undefined : { kind: "pod-added", pod: info };
  if (!same(pod.metadata.labels, old.metadata.labels)) return { kind: "pod-relabelled", pod: info };
  const before = podInfo(old).requests;
  if (Object.entries(before).some(([name, amount]) => (info.requests[name] ?? 0) < amount))
    return { kind: "pod-shrunk", pod: info };
  return undefined;
}
