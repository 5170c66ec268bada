/** Requests and limits as the engine's figures. */
import type { Container, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isSidecar, podQosClass, podRequests } from "@coracle/shared/meta/pods.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import type { ContainerResources } from "../runtime/runtime.ts";

const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const PERIOD = 100_000;
const MIN_QUOTA = 1_000;

/** The kernel's weight of a cpu request: 1024 for a whole cpu. */
export const cpuShares = (milli: number): number =>
  milli === 0 ? MIN_SHARES : Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((milli * 1024) / 1000)));

type Resources = Container["resources"];

/** A cpu request that is absent is the limit. */
function settingsOf(resources: Resources, inherited: Resources): ContainerResources {
  const { limits, requests } = resources ?? {};
  const limitOf = (name: string): number => {
    const own = resourceAmount(name, limits?.[name] ?? "0");
    return own > 0 ? own : resourceAmount(name, inherited?.limits?.[name] ?? "0");
  };
  const cpuLimit = limitOf("cpu");
  const cpuRequest = requests?.["cpu"] === undefined ? cpuLimit : resourceAmount("cpu", requests["cpu"]);
  const memory = limitOf("memory");
  return {
    cpuShares: cpuShares(cpuRequest),
    ...(cpuLimit > 0
      ? { cpuQuota: Math.max(MIN_QUOTA, Math.floor((cpuLimit * PERIOD) / 1000)), cpuPeriod: PERIOD }
      : {}),
    ...(memory > 0 ? { memoryBytes: memory } : {}),
  };
}

/**
 * A container's cgroup settings. In a pod without a group around its containers, a limit that one does not have is the pod's own.
 * @param grouped the pod has such a group, which limits them together
 */
export const containerResources = (
  pod: Pod,
  container: Pick<Container, "resources">,
  { pidsLimit, grouped }: { readonly pidsLimit?: number | undefined; readonly grouped?: boolean },
): ContainerResources => ({
  ...settingsOf(container.resources, grouped ? undefined : pod.spec?.resources),
  ...(pidsLimit === undefined ? {} : { pidsLimit }),
});

/** The settings of the group around a pod's containers; undefined for a pod that asks for nothing as a whole. */
export function podGroupResources({ spec }: Pod): ContainerResources | undefined {
  const { limits, requests } = spec?.resources ?? {};
  const asks = ["cpu", "memory"].some((name) => limits?.[name] ?? requests?.[name]);
  return asks ? settingsOf(spec?.resources, undefined) : undefined;
}

const GUARANTEED = -997;
const BEST_EFFORT = 1000;
const NODE_CRITICAL = "system-node-critical";

const memoryRequest = (container: Pick<Container, "resources">): number =>
  resourceAmount("memory", container.resources?.requests?.["memory"] ?? "0");

/** What the pod asks for as a whole beyond its containers' requests, in equal parts. */
function shareOfPod(pod: Pod): number {
  const { spec } = pod;
  const whole = resourceAmount("memory", spec?.resources?.requests?.["memory"] ?? "0");
  if (!spec || whole === 0) return 0;
  const { resources: _, overhead: __, ...parts } = spec;
  const sum = podRequests({ ...pod, spec: parts })["memory"] ?? 0;
  return Math.trunc((whole - sum) / (spec.containers.length + (spec.initContainers?.length ?? 0)));
}

/** Who the kernel ends first when memory runs out: the fewer of the node's memory a container asked for, the sooner. */
export function oomScore(
  pod: Pod,
  container: Pick<Container, "resources" | "restartPolicy">,
  capacityBytes: number,
): number {
  if (pod.spec?.priorityClassName === NODE_CRITICAL) return GUARANTEED;
  switch (podQosClass(pod)) {
    case "Guaranteed":
      return GUARANTEED;
    case "BestEffort":
      return BEST_EFFORT;
    case "Burstable":
      return burstableScore(pod, container, capacityBytes);
  }
}

function burstableScore(
  pod: Pod,
  container: Pick<Container, "resources" | "restartPolicy">,
  capacityBytes: number,
): number {
  const scoreOf = (request: number): number =>
    BEST_EFFORT - Math.floor((BEST_EFFORT * request) / Math.max(1, capacityBytes));
  const own = scoreOf(memoryRequest(container) + shareOfPod(pod));
  // A sidecar outlives those it serves.
  const score = isSidecar(container)
    ? Math.min(own, scoreOf(Math.min(...(pod.spec?.containers ?? []).map(memoryRequest))))
    : own;
  // It stays worse off than a guaranteed pod and better off than one that asked for nothing.
  return Math.min(BEST_EFFORT - 1, Math.max(BEST_EFFORT + GUARANTEED, score));
}
