import { unfit, unresolvable, type Plugin } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import type { PodInfo } from "../pod-info.ts";

/** What a node lacks for a pod, as upstream's event says it. */
export function lacking(pod: PodInfo, node: NodeInfo): string[] {
  const lacks: string[] = [];
  if (node.pods.size + 1 > (node.allocatable["pods"] ?? 0)) lacks.push("Too many pods");
  for (const name in pod.requests) {
    const wanted = pod.requests[name] ?? 0;
    if (wanted > 0 && wanted > (node.allocatable[name] ?? 0) - (node.requested[name] ?? 0))
      lacks.push(`Insufficient ${name}`);
  }
  return lacks;
}

/** More than the node has in all: no eviction would make room. */
const neverFits = (pod: PodInfo, node: NodeInfo): boolean =>
  Object.entries(pod.requests).some(([name, wanted]) => wanted > (node.allocatable[name] ?? 0));

const freeShare = (capacity: number, used: number): number =>
  capacity === 0 || used > capacity ? 0 : Math.trunc(((capacity - used) * 100) / capacity);

/** Requests against what is allocatable. Scores by what stays free of cpu and memory (LeastAllocated). */
export const nodeResourcesFit: Plugin = {
  name: "NodeResourcesFit",
  weight: 1,
  filter(pod, node) {
    const lacks = lacking(pod, node);
    if (lacks.length === 0) return undefined;
    return neverFits(pod, node) ? unresolvable(...lacks) : unfit(...lacks);
  },
  score(pod, node) {
    const cpu = freeShare(node.allocatable["cpu"] ?? 0, node.scoreCpu + pod.scoreCpu);
    const memory = freeShare(node.allocatable["memory"] ?? 0, node.scoreMemory + pod.scoreMemory);
    return Math.trunc((cpu + memory) / 2);
  },
  helps(event, pod) {
    if (event.kind === "pod-deleted" || event.kind === "pod-shrunk") return true;
    return (
      (event.kind === "node-added" || (event.kind === "node-changed" && event.changed.has("allocatable"))) &&
      lacking(pod, event.node).length === 0
    );
  },
};
