/** Whether the node takes a pod bound to it: the scheduler may have worked on older news. Pure. */
import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isPodActive, podRequests, type ResourceAmounts } from "@coracle/shared/meta/pods.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import { podAllowsNode } from "@coracle/shared/scheduling/node-affinity.ts";
import { isTolerated } from "@coracle/shared/scheduling/taints.ts";

export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** Undefined when the pod fits. `others` are the node's pods without this one. */
export function refusePod(pod: Pod, node: Node, others: Iterable<Pod>): Refusal | undefined {
  if (!podAllowsNode(pod, node))
    return {
      reason: "NodeAffinity",
      message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    };
  const system = (node.metadata.labels?.["kubernetes.io/os"] ?? "linux") !== (pod.spec?.os?.name ?? "linux");
  if (system)
    return {
      reason: "PodOSNotSupported",
      message: "Failed to admit pod as the OS field doesn't match node OS",
    };
  const intolerable = node.spec?.taints?.find(
    (taint) => taint.effect === "NoExecute" && !isTolerated(taint, pod.spec?.tolerations),
  );
  if (intolerable)
    return {
      reason: "TaintToleration",
      message: `Predicate TaintToleration failed: node(s) had untolerated taint(s)`,
    };
  return refuseForResources(pod, node, others);
}

function refuseForResources(pod: Pod, node: Node, others: Iterable<Pod>): Refusal | undefined {
  const used: ResourceAmounts = {};
  let count = 0;
  for (const other of others) {
    if (!isPodActive(other)) continue;
    count += 1;
    const requests = podRequests(other);
    for (const name in requests) used[name] = (used[name] ?? 0) + (requests[name] ?? 0);
  }
  const allocatable = node.status?.allocatable ?? {};
  const capacityOf = (name: string): number => resourceAmount(name, allocatable[name] ?? "0");
  if (allocatable["pods"] !== undefined && count + 1 > capacityOf("pods"))
    return short("pods", 1, count, capacityOf("pods"));
  const requests = podRequests(pod);
  for (const [name, requested] of Object.entries(requests)) {
    if (requested === 0) continue;
    const capacity = capacityOf(name);
    if (requested + (used[name] ?? 0) > capacity) return short(name, requested, used[name] ?? 0, capacity);
  }
  return undefined;
}

const short = (name: string, requested: number, used: number, capacity: number): Refusal => ({
  reason: `OutOf${name}`,
  message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
});
