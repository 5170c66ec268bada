import type { Toleration } from "@coracle/shared/api/generated/core-v1.ts";
import { isTolerated, untoleratedTaint } from "@coracle/shared/scheduling/taints.ts";
import { normalizeByHighest, unresolvable, type Plugin } from "../framework.ts";

const name = "TaintToleration";

/** NoSchedule and NoExecute taints must be tolerated; the fewer intolerable PreferNoSchedule taints, the better. */
export const taintToleration: Plugin = {
  name,
  weight: 3,
  filter(pod, node) {
    const taint = untoleratedTaint(node.node?.spec?.taints, pod.pod.spec?.tolerations, [
      "NoSchedule",
      "NoExecute",
    ]);
    // Which taint is not said: one sentence for all keeps the events of a large cluster short, as upstream does since 1.35.
    return taint ? unresolvable("node(s) had untolerated taint(s)") : undefined;
  },
  preScore(pod, _nodes, _cluster, state) {
    state.set(
      name,
      pod.pod.spec?.tolerations?.filter((t) => !t.effect || t.effect === "PreferNoSchedule") ?? [],
    );
    return true;
  },
  score(_pod, node, state) {
    const tolerations = state.get<Toleration[]>(name);
    return (node.node?.spec?.taints ?? []).filter(
      (t) => t.effect === "PreferNoSchedule" && !isTolerated(t, tolerations),
    ).length;
  },
  normalize: (scores) => normalizeByHighest(scores, true),
  helps: (event) =>
    event.kind === "node-added" || (event.kind === "node-changed" && event.changed.has("taints")),
};
