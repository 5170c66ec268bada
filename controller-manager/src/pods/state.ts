import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isTerminal, podCondition } from "@coracle/shared/meta/pods.ts";

/** Questions about pods' states that only controllers ask. Pure. */

/** Asked to stop, and not finished yet. */
export const isTerminating = (pod: Pod): boolean =>
  !isTerminal(pod) && pod.metadata.deletionTimestamp !== undefined;

/** When the pod has been ready for `minReadySeconds`; undefined when it is not ready at all. */
export function availableAt(pod: Pod, minReadySeconds: number): number | undefined {
  const ready = podCondition(pod, "Ready");
  if (ready?.status !== "True") return undefined;
  if (minReadySeconds === 0) return 0;
  return ready.lastTransitionTime === undefined
    ? undefined
    : Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000;
}

/** Milliseconds until the next of these pods becomes available by the mere passing of time. */
export function nextAvailability(
  pods: Iterable<Pod>,
  minReadySeconds: number,
  now: number,
): number | undefined {
  let soonest: number | undefined;
  for (const pod of pods) {
    const at = availableAt(pod, minReadySeconds);
    if (at !== undefined && at > now && (soonest === undefined || at < soonest)) soonest = at;
  }
  return soonest === undefined ? undefined : soonest - now;
}
