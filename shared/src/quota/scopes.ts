import type { Pod, ResourceQuota, ScopedResourceSelectorRequirement } from "../api/generated/core-v1.ts";
import type { KubeObject } from "../meta/object.ts";
import { podQosClass } from "../meta/pods.ts";

/** Whether a quota's scopes take in an object. Scopes select pods; a quota with any counts nothing else. */
export function inScope(quota: ResourceQuota, storage: string, object: KubeObject): boolean {
  const requirements: ScopedResourceSelectorRequirement[] = [
    ...(quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" })),
    ...(quota.spec?.scopeSelector?.matchExpressions ?? []),
  ];
  if (requirements.length === 0) return true;
  if (storage !== "pods") return false;
  return requirements.every((r) => matches(r, object as unknown as Pod));
}

function matches(requirement: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  const terminating = (pod.spec?.activeDeadlineSeconds ?? -1) >= 0;
  const bestEffort = (): boolean => podQosClass(pod) === "BestEffort";
  switch (requirement.scopeName) {
    case "Terminating":
      return terminating;
    case "NotTerminating":
      return !terminating;
    case "BestEffort":
      return bestEffort();
    case "NotBestEffort":
      return !bestEffort();
    case "PriorityClass":
      return matchesClass(requirement, pod.spec?.priorityClassName);
    case "CrossNamespacePodAffinity":
      return crossesNamespaces(pod);
    default:
      return false;
  }
}

function matchesClass(
  { operator, values = [] }: ScopedResourceSelectorRequirement,
  name: string | undefined,
): boolean {
  switch (operator) {
    case "In":
      return name !== undefined && values.includes(name);
    case "NotIn":
      return name === undefined || !values.includes(name);
    case "DoesNotExist":
      return !name;
    default:
      return Boolean(name);
  }
}

function crossesNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((a) => [
    ...(a?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(a?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((w) => w.podAffinityTerm),
  ]);
  return terms.some((t) => (t.namespaces?.length ?? 0) > 0 || t.namespaceSelector !== undefined);
}
