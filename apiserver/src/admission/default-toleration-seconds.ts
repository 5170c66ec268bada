import type { Pod, Toleration } from "@coracle/shared/api/generated/core-v1.ts";
import { isFor, objectOf, type AdmissionPlugin } from "./plugin.ts";

const keys = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const seconds = 300;

const covers = (toleration: Toleration, key: string): boolean =>
  (toleration.key === key || !toleration.key) && (toleration.effect === "NoExecute" || !toleration.effect);

/** A pod stays five minutes on a node that has failed, unless it says otherwise. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: "DefaultTolerationSeconds",
  handles: (a) => (a.operation === "CREATE" || a.operation === "UPDATE") && isFor(a, "pods"),
  mutate(a) {
    const spec = objectOf<Pod>(a).spec;
    if (!spec) return;
    for (const key of keys) {
      if (spec.tolerations?.some((t) => covers(t, key))) continue;
      (spec.tolerations ??= []).push({
        key,
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: seconds,
      });
    }
  },
};
