import type {
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
} from "../api/generated/core-v1.ts";

/** Which nodes a pod may run on by its nodeSelector and node affinity. Pure; used by the scheduler, DaemonSets and the kubelet. */

const INTEGER = /^[+-]?\d+$/;

function requirementMatches(requirement: NodeSelectorRequirement, value: string | undefined): boolean {
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
    case "Lt": {
      const bound = values[0];
      if (value === undefined || bound === undefined || !INTEGER.test(value) || !INTEGER.test(bound))
        return false;
      return requirement.operator === "Gt" ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
    }
    default:
      return false;
  }
}

/** A term without any requirement matches nothing. */
export function nodeTermMatches(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  return (
    expressions.every((r) => requirementMatches(r, node.metadata.labels?.[r.key])) &&
    fields.every((r) => requirementMatches(r, r.key === "metadata.name" ? node.metadata.name : undefined))
  );
}

/** Terms are alternatives. An absent selector matches every node. */
export const nodeSelectorMatches = (selector: NodeSelector | undefined, node: Node): boolean =>
  selector === undefined || selector.nodeSelectorTerms.some((term) => nodeTermMatches(term, node));

/** The pod's nodeSelector and required node affinity allow the node. */
export function podAllowsNode(pod: Pod, node: Node): boolean {
  for (const [key, value] of Object.entries(pod.spec?.nodeSelector ?? {}))
    if (node.metadata.labels?.[key] !== value) return false;
  return nodeSelectorMatches(
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
    node,
  );
}
