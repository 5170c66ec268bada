/** Whether a node under pressure takes a pod. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { podQosClass } from "@coracle/shared/meta/pods.ts";
import { isCritical } from "./critical.ts";
import { PRESSURES } from "./pressure.ts";
import type { PressureCondition } from "./signals.ts";

const MEMORY_TAINT = "node.kubernetes.io/memory-pressure";

const toleratesMemoryPressure = (pod: Pod): boolean =>
  (pod.spec?.tolerations ?? []).some(
    ({ key, operator, effect, value }) =>
      (!effect || effect === "NoSchedule") &&
      (key === MEMORY_TAINT || (!key && operator === "Exists")) &&
      (operator === "Exists" || !value),
  );

/** Undefined when it does. Memory pressure alone keeps out only pods that asked for no memory and do not expect any. */
export function refusedUnderPressure(
  pod: Pod,
  shown: ReadonlySet<PressureCondition>,
): { readonly reason: string; readonly message: string } | undefined {
  if (shown.size === 0 || isCritical(pod)) return undefined;
  if (shown.size === 1 && shown.has("MemoryPressure")) {
    if (podQosClass(pod) !== "BestEffort" || toleratesMemoryPressure(pod)) return undefined;
  }
  const names = PRESSURES.filter((type) => shown.has(type)).join(" ");
  return { reason: "Evicted", message: `The node had condition: [${names}]. ` };
}
