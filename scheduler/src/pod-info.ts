import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from "@coracle/shared/api/generated/core-v1.ts";
import { nothing, selectorFromObject, type Labels, type Selector } from "@coracle/shared/meta/labels.ts";
import { hostPortsOf, type HostPort } from "@coracle/shared/scheduling/host-ports.ts";
import { podRequests, type ResourceAmounts } from "@coracle/shared/meta/pods.ts";

/** A pod affinity term with its selectors parsed once. */
export interface AffinityTerm {
  readonly topologyKey: string;
  readonly selector: Selector;
  /** Named namespaces; the pod's own when the term names none. */
  readonly namespaces: ReadonlySet<string>;
  /** Further namespaces by label; undefined when the term has no namespaceSelector. */
  readonly namespaceSelector: Selector | undefined;
  readonly weight: number;
}

/** What scheduling needs to know of a pod, computed once per version of it. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly priority: number;
  readonly requests: ResourceAmounts;
  /** Requests as scores count them: a container without a request is taken for a small one. */
  readonly scoreCpu: number;
  readonly scoreMemory: number;
  readonly hostPorts: readonly HostPort[];
  readonly requiredAffinity: readonly AffinityTerm[];
  readonly requiredAntiAffinity: readonly AffinityTerm[];
  readonly preferredAffinity: readonly AffinityTerm[];
  readonly preferredAntiAffinity: readonly AffinityTerm[];
}

/** Upstream's DefaultMilliCPURequest and DefaultMemoryRequest (bytes). */
const defaultCpu = 100;
const defaultMemory = 200 * 1024 * 1024;

function term(pod: Pod, t: PodAffinityTerm, weight: number): AffinityTerm {
  const own = new Set([pod.metadata.namespace ?? ""]);
  return {
    topologyKey: t.topologyKey,
    selector: t.labelSelector ? selectorFromObject(t.labelSelector) : nothing,
    namespaces: t.namespaces?.length ? new Set(t.namespaces) : t.namespaceSelector ? new Set() : own,
    namespaceSelector: t.namespaceSelector ? selectorFromObject(t.namespaceSelector) : undefined,
    weight,
  };
}

const required = (pod: Pod, terms: readonly PodAffinityTerm[] | undefined): AffinityTerm[] =>
  (terms ?? []).map((t) => term(pod, t, 0));
const preferred = (pod: Pod, terms: readonly WeightedPodAffinityTerm[] | undefined): AffinityTerm[] =>
  (terms ?? []).map((t) => term(pod, t.podAffinityTerm, t.weight));

/** A pod whose containers ask for nothing counts as if each asked for a little, so that many of them still spread. */
function scoreAmount(
  pod: Pod,
  requests: ResourceAmounts,
  resource: "cpu" | "memory",
  fallback: number,
): number {
  const silent = (pod.spec?.containers ?? []).filter(
    (c) => c.resources?.requests?.[resource] === undefined,
  ).length;
  return (
    (requests[resource] ?? 0) +
    (pod.spec?.resources?.requests?.[resource] === undefined ? silent * fallback : 0)
  );
}

const known = new WeakMap<Pod, PodInfo>();

/** The info of this version of a pod; informers hand out one object per version, so it is made once. */
export function podInfo(pod: Pod): PodInfo {
  const cached = known.get(pod);
  if (cached) return cached;
  const requests = podRequests(pod);
  const affinity = pod.spec?.affinity;
  const info: PodInfo = {
    pod,
    key: `${pod.metadata.namespace}/${pod.metadata.name}`,
    uid: pod.metadata.uid ?? "",
    namespace: pod.metadata.namespace ?? "",
    labels: pod.metadata.labels ?? {},
    priority: pod.spec?.priority ?? 0,
    requests,
    scoreCpu: scoreAmount(pod, requests, "cpu", defaultCpu),
    scoreMemory: scoreAmount(pod, requests, "memory", defaultMemory),
    hostPorts: hostPortsOf(pod),
    requiredAffinity: required(pod, affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAntiAffinity: required(
      pod,
      affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
    ),
    preferredAffinity: preferred(pod, affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAntiAffinity: preferred(
      pod,
      affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution,
    ),
  };
  known.set(pod, info);
  return info;
}
