import type { Container, Pod, PodCondition } from "../api/generated/core-v1.ts";
import { resourceAmount } from "./quantity.ts";

export const podCondition = (pod: Pod, type: string): PodCondition | undefined =>
  pod.status?.conditions?.find((condition) => condition.type === type);

export const isPodReady = (pod: Pod): boolean => podCondition(pod, "Ready")?.status === "True";

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  const ready = podCondition(pod, "Ready");
  if (ready?.status !== "True") return false;
  if (minReadySeconds === 0) return true;
  return (
    ready.lastTransitionTime !== undefined &&
    Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000 <= now
  );
}

/** It has ended and will never run again. */
export const isTerminal = (pod: Pod): boolean =>
  pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";

/** Neither ended nor being deleted: what a controller counts. */
export const isPodActive = (pod: Pod): boolean => !isTerminal(pod) && !pod.metadata.deletionTimestamp;

/** An init container that keeps running beside the containers. */
export const isSidecar = (container: Pick<Container, "restartPolicy">): boolean =>
  container.restartPolicy === "Always";

/** Amounts by resource name: millicores of cpu, whole units of all else. */
export type ResourceAmounts = Record<string, number>;

type Kind = "requests" | "limits";

const amountsOf = (list: Readonly<Record<string, string | number>> | undefined): ResourceAmounts => {
  const amounts: ResourceAmounts = {};
  for (const name in list) amounts[name] = resourceAmount(name, list[name] ?? "0");
  return amounts;
};

function add(into: ResourceAmounts, amounts: ResourceAmounts): void {
  for (const name in amounts) into[name] = (into[name] ?? 0) + (amounts[name] ?? 0);
}

function raise(into: ResourceAmounts, amounts: ResourceAmounts): void {
  for (const name in amounts) into[name] = Math.max(into[name] ?? 0, amounts[name] ?? 0);
}

/** While a resize is under way a container counts with the most of what it asks for, was granted and has. */
function containerAmounts(pod: Pod, container: Container, kind: Kind, sidecar: boolean): ResourceAmounts {
  const amounts = amountsOf(container.resources?.[kind]);
  if (kind === "limits") return amounts;
  const statuses = sidecar ? pod.status?.initContainerStatuses : pod.status?.containerStatuses;
  const status = statuses?.find((s) => s.name === container.name);
  if (!status) return amounts;
  const infeasible = pod.status?.conditions?.some(
    (c) => c.type === "PodResizePending" && c.status === "True" && c.reason === "Infeasible",
  );
  const granted = amountsOf(status.allocatedResources);
  raise(granted, amountsOf(status.resources?.requests));
  if (infeasible && Object.keys(granted).length > 0) return granted;
  raise(amounts, granted);
  return amounts;
}

/**
 * What a pod needs at most at any time: containers and sidecars together, or an init container beside the sidecars
 * started before it, whichever is more; pod-level amounts win where given; overhead on top.
 */
function podAmounts(pod: Pod, kind: Kind): ResourceAmounts {
  const total: ResourceAmounts = {};
  for (const container of pod.spec?.containers ?? [])
    add(total, containerAmounts(pod, container, kind, false));
  const sidecars: ResourceAmounts = {};
  const initPeak: ResourceAmounts = {};
  for (const container of pod.spec?.initContainers ?? []) {
    const sidecar = isSidecar(container);
    const amounts = containerAmounts(pod, container, kind, sidecar);
    if (sidecar) {
      add(total, amounts);
      add(sidecars, amounts);
      raise(initPeak, sidecars);
    } else {
      const needed = { ...amounts };
      add(needed, sidecars);
      raise(initPeak, needed);
    }
  }
  raise(total, initPeak);
  Object.assign(total, amountsOf(pod.spec?.resources?.[kind]));
  const overhead = amountsOf(pod.spec?.overhead);
  if (kind === "requests") add(total, overhead);
  else for (const name in overhead) if (total[name]) total[name] += overhead[name] ?? 0;
  return total;
}

/** Effective requests of a pod, as scheduling, quota and eviction count them. */
export const podRequests = (pod: Pod): ResourceAmounts => podAmounts(pod, "requests");
/** Effective limits; a resource that no container limits is absent. */
export const podLimits = (pod: Pod): ResourceAmounts => podAmounts(pod, "limits");

const QOS_RESOURCES = ["cpu", "memory"] as const;

/** The quality of service class, from cpu and memory of all containers or of the pod itself. */
export function podQosClass(pod: Pod): "Guaranteed" | "Burstable" | "BestEffort" {
  const own = pod.spec?.resources;
  const holders =
    own?.requests || own?.limits
      ? [own]
      : [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map((c) => c.resources);
  let any = false;
  let guaranteed = true;
  for (const resources of holders)
    for (const name of QOS_RESOURCES) {
      const limit = resourceAmount(name, resources?.limits?.[name] ?? "0");
      const request = resourceAmount(name, resources?.requests?.[name] ?? resources?.limits?.[name] ?? "0");
      any ||= limit > 0 || request > 0;
      guaranteed &&= limit > 0 && request === limit;
    }
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}
