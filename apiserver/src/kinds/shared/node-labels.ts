import type { NodeSelectorTerm } from "@coracle/shared/api/generated/core-v1.ts";
import type { Path } from "../../registry/field.ts";

const successors = new Map([
  ["beta.kubernetes.io/arch", ["v1.14", "kubernetes.io/arch"]],
  ["beta.kubernetes.io/os", ["v1.14", "kubernetes.io/os"]],
  ["failure-domain.beta.kubernetes.io/region", ["v1.17", "topology.kubernetes.io/region"]],
  ["failure-domain.beta.kubernetes.io/zone", ["v1.17", "topology.kubernetes.io/zone"]],
  ["beta.kubernetes.io/instance-type", ["v1.17", "node.kubernetes.io/instance-type"]],
]);

/** @returns what to say about a label of nodes that has a newer name */
export function nodeLabelDeprecation(key: string): string | undefined {
  const [since, successor] = successors.get(key) ?? [];
  return successor && `deprecated since ${since}; use "${successor}" instead`;
}

/** Deprecated labels among the requirements of a term. */
export const nodeTermWarnings = (term: NodeSelectorTerm | undefined, at: Path): string[] =>
  (term?.matchExpressions ?? []).flatMap(({ key }, i) => {
    const text = nodeLabelDeprecation(key);
    return text ? [`${at.child("matchExpressions").index(i).child("key").text}: ${key} is ${text}`] : [];
  });
