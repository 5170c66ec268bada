import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import { isFor, objectOf, type AdmissionPlugin } from "./plugin.ts";

const notReady = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };

/** A new node takes no pods before it has been seen ready. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: "TaintNodesByCondition",
  handles: (a) => a.operation === "CREATE" && isFor(a, "nodes"),
  mutate(a) {
    const spec = (objectOf<Node>(a).spec ??= {});
    if (spec.taints?.some((t) => t.key === notReady.key && t.effect === notReady.effect)) return;
    (spec.taints ??= []).push({ ...notReady });
  },
};
