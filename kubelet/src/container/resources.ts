/** Requests and limits as the engine's figures. */
import type { Container, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { podQosClass } from "@coracle/shared/meta/pods.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import type { ContainerResources } from "../runtime/runtime.ts";

const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const PERIOD = 100_000;
const MIN_QUOTA = 1_000;

/** The kernel's weight of a cpu request: 1024 for a whole cpu. */
export const cpuShares = (milli: number): number =>
  milli === 0 ? MIN_SHARES : Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((milli * 1024) / 1000)));

/** A container's cgroup settings. A request that is absent is its limit. */
export function containerResources(
  container: Pick<Container, "resources">,
  pidsLimit: number | undefined,
): ContainerResources {
  const { limits, requests } = container.resources ?? {};
  const cpuLimit = resourceAmount("cpu", limits?.["cpu"] ?? "0");
  const cpuRequest = requests?.["cpu"] === undefined ? cpuLimit : resourceAmount("cpu", requests["cpu"]);
  const memory = resourceAmount("memory", limits?.["memory"] ?? "0");
  return {
    cpuShares: cpuShares(cpuRequest),
    ...(cpuLimit > 0
      ? { cpuQuota: Math.max(MIN_QUOTA, Math.floor((cpuLimit * PERIOD) / 1000)), cpuPeriod: PERIOD }
      : {}),
    ...(memory > 0 ? { memoryBytes: memory } : {}),
    ...(pidsLimit === undefined ? {} : { pidsLimit }),
  };
}

const GUARANTEED = -997;
const BEST_EFFORT = 1000;
const CRITICAL_PRIORITY = 2_000_000_000;

/** Who the kernel ends first when memory runs out: the fewer of the node's memory a container asked for, the sooner. */
export function oomScore(pod: Pod, container: Pick<Container, "resources">, capacityBytes: number): number {
  if ((pod.spec?.priority ?? 0) >= CRITICAL_PRIORITY) return GUARANTEED;
  switch (podQosClass(pod)) {
    case "Guaranteed":
      return GUARANTEED;
    case "BestEffort":
      return BEST_EFFORT;
    case "Burstable": {
      const request = resourceAmount("memory", container.resources?.requests?.["memory"] ?? "0");
      const score = BEST_EFFORT - Math.floor((BEST_EFFORT * request) / Math.max(1, capacityBytes));
      // It stays worse off than a guaranteed pod and better off than one that asked for nothing.
      return score < 1000 + GUARANTEED ? 1000 + GUARANTEED : score === BEST_EFFORT ? BEST_EFFORT - 1 : score;
    }
  }
}
