import { nodeTermMatches, podAllowsNode } from "@coracle/shared/scheduling/node-affinity.ts";
import { normalizeByHighest, unresolvable, type Plugin } from "../framework.ts";
import type { PodInfo } from "../pod-info.ts";

const preferences = (pod: PodInfo) =>
  pod.pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];

/** Node names that every alternative of a required node affinity names (what DaemonSet pods have), or undefined. */
function namedNodes(pod: PodInfo): Set<string> | undefined {
  const terms =
    pod.pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (!terms?.length) return undefined;
  const names = new Set<string>();
  for (const term of terms) {
    const field = term.matchFields?.find((f) => f.key === "metadata.name" && f.operator === "In");
    if (!field) return undefined;
    for (const value of field.values ?? []) names.add(value);
  }
  return names;
}

/** nodeSelector and node affinity, required and preferred. */
export const nodeAffinity: Plugin = {
  name: "NodeAffinity",
  weight: 2,
  preFilter(pod) {
    const nodes = namedNodes(pod);
    return nodes ? { nodes } : undefined;
  },
  filter: (pod, node) =>
    node.node && podAllowsNode(pod.pod, node.node)
      ? undefined
      : unresolvable("node(s) didn't match Pod's node affinity/selector"),
  preScore: (pod) => preferences(pod).length > 0,
  score(pod, node) {
    let total = 0;
    for (const { weight, preference } of preferences(pod)) {
      const empty = !preference.matchExpressions?.length && !preference.matchFields?.length;
      if (node.node && !empty && nodeTermMatches(preference, node.node)) total += weight;
    }
    return total;
  },
  normalize: (scores) => normalizeByHighest(scores, false),
  helps: (event, pod) =>
    event.kind === "node-added" || (event.kind === "node-changed" && event.changed.has("labels"))
      ? event.node.node !== undefined && podAllowsNode(pod.pod, event.node.node)
      : false,
};
