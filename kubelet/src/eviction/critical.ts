import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";

/** `system-cluster-critical`, the lower one of the two system classes. */
const SYSTEM_CRITICAL = 2_000_000_000;
export const CONFIG_SOURCE = "kubernetes.io/config.source";
export const CONFIG_MIRROR = "kubernetes.io/config.mirror";

/** From a manifest of the node, not from the API. */
export const isStatic = (pod: Pod): boolean => {
  const source = pod.metadata.annotations?.[CONFIG_SOURCE];
  return source !== undefined && source !== "api";
};
export const isMirror = (pod: Pod): boolean => pod.metadata.annotations?.[CONFIG_MIRROR] !== undefined;

/** The node needs it: it is never evicted, and the last to go at a shutdown. */
export const isCritical = (pod: Pod): boolean =>
  isStatic(pod) || isMirror(pod) || (pod.spec?.priority ?? 0) >= SYSTEM_CRITICAL;
