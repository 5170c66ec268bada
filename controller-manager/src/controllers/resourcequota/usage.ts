import type {
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
  Service,
} from "@coracle/shared/api/generated/core-v1.ts";
import { isTerminal, podLimits, podQosClass, podRequests } from "@coracle/shared/meta/pods.ts";
import { formatResourceAmount, resourceAmount } from "@coracle/shared/meta/quantity.ts";

/** What objects count against a quota. Pure. */

export type Usage = Record<string, number>;

/** A pod that has ended, or is overdue in its deletion, uses nothing. */
export function usesQuota(pod: Pod, now: number): boolean {
  if (isTerminal(pod)) return false;
  const { deletionTimestamp } = pod.metadata;
  return deletionTimestamp === undefined || Date.parse(deletionTimestamp) > now;
}

export function podUsage(pod: Pod): Usage {
  const usage: Usage = { pods: 1, "count/pods": 1 };
  for (const [name, amount] of Object.entries(podRequests(pod))) {
    usage[`requests.${name}`] = amount;
    if (["cpu", "memory", "ephemeral-storage"].includes(name)) usage[name] = amount;
  }
  for (const [name, amount] of Object.entries(podLimits(pod))) usage[`limits.${name}`] = amount;
  return usage;
}

export function serviceUsage(service: Service): Usage {
  const ports = service.spec?.ports ?? [];
  const type = service.spec?.type ?? "ClusterIP";
  const usage: Usage = { services: 1, "count/services": 1 };
  if (type === "LoadBalancer") usage["services.loadbalancers"] = 1;
  if (type === "NodePort") usage["services.nodeports"] = ports.length;
  if (type === "LoadBalancer")
    usage["services.nodeports"] = ports.filter((p) => (p.nodePort ?? 0) > 0).length;
  return usage;
}

export function claimUsage(claim: PersistentVolumeClaim): Usage {
  const requested = resourceAmount("storage", claim.spec?.resources?.requests?.["storage"] ?? "0");
  // While a volume grows or could not shrink, the larger figure counts.
  const allocated = resourceAmount("storage", claim.status?.allocatedResources?.["storage"] ?? "0");
  const storage = Math.max(requested, allocated);
  const usage: Usage = {
    persistentvolumeclaims: 1,
    "count/persistentvolumeclaims": 1,
    "requests.storage": storage,
  };
  const cls = claim.spec?.storageClassName;
  if (cls) {
    usage[`${cls}.storageclass.storage.k8s.io/persistentvolumeclaims`] = 1;
    usage[`${cls}.storageclass.storage.k8s.io/requests.storage`] = storage;
  }
  return usage;
}

function inScope(pod: Pod, r: ScopedResourceSelectorRequirement): boolean {
  switch (r.scopeName) {
    case "Terminating":
      return pod.spec?.activeDeadlineSeconds !== undefined && pod.spec.activeDeadlineSeconds >= 0;
    case "NotTerminating":
      return !(pod.spec?.activeDeadlineSeconds !== undefined && pod.spec.activeDeadlineSeconds >= 0);
    case "BestEffort":
      return podQosClass(pod) === "BestEffort";
    case "NotBestEffort":
      return podQosClass(pod) !== "BestEffort";
    case "PriorityClass":
      return matchesPriority(pod.spec?.priorityClassName ?? "", r);
    case "CrossNamespacePodAffinity":
      return crossesNamespaces(pod);
    default:
      return false;
  }
}

function matchesPriority(name: string, { operator, values }: ScopedResourceSelectorRequirement): boolean {
  switch (operator) {
    case "In":
      return (values ?? []).includes(name);
    case "NotIn":
      return !(values ?? []).includes(name);
    case "DoesNotExist":
      return name === "";
    default:
      return name !== "";
  }
}

function crossesNamespaces(pod: Pod): boolean {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  return [podAffinity, podAntiAffinity]
    .flatMap((a) => [
      ...(a?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(a?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((w) => w.podAffinityTerm),
    ])
    .some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined);
}

/** The scopes of a quota as one list. */
export const scopesOf = (quota: ResourceQuota): ScopedResourceSelectorRequirement[] => [
  ...(quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" })),
  ...(quota.spec?.scopeSelector?.matchExpressions ?? []),
];

export const podInScopes = (pod: Pod, scopes: readonly ScopedResourceSelectorRequirement[]): boolean =>
  scopes.every((scope) => inScope(pod, scope));

/** Only what the quota limits, in the form of quantities; what nothing uses is "0". */
export function usedOf(
  hard: Readonly<Record<string, string>>,
  usages: Iterable<Usage>,
): Record<string, string> {
  const total: Usage = {};
  for (const usage of usages)
    for (const [name, amount] of Object.entries(usage))
      if (name in hard) total[name] = (total[name] ?? 0) + amount;
  return Object.fromEntries(
    Object.keys(hard).map((name) => [name, formatResourceAmount(baseOf(name), total[name] ?? 0)]),
  );
}

/** `requests.cpu` is counted as `cpu`, and so on: decides the quantity's form. */
const baseOf = (name: string): string =>
  name.endsWith("requests.storage") ? "storage" : name.replace(/^(requests|limits)\./, "");
