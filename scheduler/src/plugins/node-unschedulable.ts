import { isTolerated } from "@coracle/shared/scheduling/taints.ts";
import { unresolvable, type Plugin } from "../framework.ts";

/** `spec.unschedulable` (kubectl cordon), which counts as the taint of that name. */
export const nodeUnschedulable: Plugin = {
  name: "NodeUnschedulable",
  filter(pod, node) {
    if (!node.node?.spec?.unschedulable) return undefined;
    const taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };
    return isTolerated(taint, pod.pod.spec?.tolerations)
      ? undefined
      : unresolvable("node(s) were unschedulable");
  },
  helps: (event) =>
    event.kind === "node-added" ||
    (event.kind === "node-changed" && (event.changed.has("unschedulable") || event.changed.has("taints"))),
};
