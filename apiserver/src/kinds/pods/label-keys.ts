import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { LabelSelector } from "@coracle/shared/api/generated/meta-v1.ts";

interface Keyed {
  labelSelector?: LabelSelector | undefined;
  matchLabelKeys?: string[] | undefined;
  mismatchLabelKeys?: string[] | undefined;
}

/**
 * Writes what `matchLabelKeys` and `mismatchLabelKeys` mean for this pod into the selectors of its affinity terms and spread
 * constraints (KEP-3633, KEP-3243). The pod's labels of now count: a later change of them moves no rule.
 */
export function applyLabelKeys(pod: Pod): void {
  const { affinity, topologySpreadConstraints = [] } = pod.spec ?? {};
  const terms: Keyed[] = [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((kind) => [
    ...(kind?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(kind?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((t) => t.podAffinityTerm),
  ]);
  const labels = pod.metadata.labels ?? {};
  for (const term of [...terms, ...(topologySpreadConstraints as Keyed[])]) {
    if (!term?.labelSelector) continue;
    const added = [
      ...expressions(term.matchLabelKeys, "In", labels),
      ...expressions(term.mismatchLabelKeys, "NotIn", labels),
    ];
    if (added.length > 0)
      term.labelSelector.matchExpressions = [...(term.labelSelector.matchExpressions ?? []), ...added];
  }
}

/** A key the pod has no label of says nothing. */
const expressions = (
  keys: readonly string[] | undefined,
  operator: "In" | "NotIn",
  labels: Readonly<Record<string, string>>,
) =>
  (keys ?? []).flatMap((key) => {
    const value = labels[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
