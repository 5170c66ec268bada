import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { podLimits } from "@coracle/shared/meta/pods.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";

/** Whether there is a limit for the pod as a whole: its own, or one of each container. */
const isLimited = ({ spec }: Pod): boolean =>
  spec?.resources?.limits?.["memory"] !== undefined ||
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].every(
    (c) => c.resources?.limits?.["memory"] !== undefined,
  );

/** The size of a volume in memory: what the node can give, unless the pod may have less or the volume asks for less (KEP-1967). */
export function memorySize(
  pod: Pod,
  node: { readonly allocatable: Readonly<Record<string, string>>; readonly memoryBytes: number },
  wanted: number | undefined,
): number {
  const sizes = [
    resourceAmount("memory", node.allocatable["memory"] ?? String(node.memoryBytes)),
    isLimited(pod) ? (podLimits(pod)["memory"] ?? 0) : 0,
    wanted ?? 0,
  ];
  return Math.min(...sizes.filter((size) => size > 0));
}
