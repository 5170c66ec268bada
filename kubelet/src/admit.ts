/** Whether the node takes a pod bound to it: the scheduler may have worked on older news. Pure. */
import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isTerminal, podRequests, type ResourceAmounts } from "@coracle/shared/meta/pods.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import { hostPortsOf, portsConflict } from "@coracle/shared/scheduling/host-ports.ts";
import { podAllowsNode } from "@coracle/shared/scheduling/node-affinity.ts";
import { isTolerated } from "@coracle/shared/scheduling/taints.ts";

export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** Undefined when the pod fits. `others` are the node's pods without this one. The order of the checks is upstream's. */
export function refusePod(pod: Pod, node: Node, others: readonly Pod[]): Refusal | undefined {
  return (
    refuseForSystem(pod, node) ?? refuseForResources(pod, node, others) ?? refusePlace(pod, node, others)
  );
}

const SYSTEM = "kubernetes.io/os";

function refuseForSystem(pod: Pod, node: Node): Refusal | undefined {
  const system = node.metadata.labels?.[SYSTEM] ?? "linux";
  if ((pod.spec?.nodeSelector?.[SYSTEM] ?? system) !== system)
    return {
      reason: "PodOSSelectorNodeLabelDoesNotMatch",
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  if ((pod.spec?.os?.name ?? system) !== system)
    return {
      reason: "PodOSNotSupported",
      message: "Failed to admit pod as the OS field doesn't match node OS",
    };
  return undefined;
}

const predicate = (name: string, message: string): Refusal => ({
  reason: name,
  message: `Predicate ${name} failed: ${message}`,
});

function refusePlace(pod: Pod, node: Node, others: readonly Pod[]): Refusal | undefined {
  if (!podAllowsNode(pod, node))
    return predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
  const taken = others.filter((other) => !isTerminal(other)).flatMap(hostPortsOf);
  if (hostPortsOf(pod).some((port) => taken.some((other) => portsConflict(port, other))))
    return predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports");
  const intolerable = node.spec?.taints?.some(
    (taint) => taint.effect === "NoExecute" && !isTolerated(taint, pod.spec?.tolerations),
  );
  return intolerable ? predicate("TaintToleration", "node(s) had untolerated taint(s)") : undefined;
}

function refuseForResources(pod: Pod, node: Node, others: Iterable<Pod>): Refusal | undefined {
  const used: ResourceAmounts = {};
  let count = 0;
  for (const other of others) {
    if (isTerminal(other)) continue;
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
