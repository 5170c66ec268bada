import type { Job, PodFailurePolicyRule } from "@coracle/shared/api/generated/batch-v1.ts";
import type { ContainerStatus, Pod } from "@coracle/shared/api/generated/core-v1.ts";

/** What a Job's failure policy says about a failed pod. Pure. */

export interface Verdict {
  readonly action: "FailJob" | "FailIndex" | "Ignore" | "Count";
  /** Why the Job fails, for FailJob. */
  readonly message?: string;
}

const nameOf = (pod: Pod): string => `${pod.metadata.namespace}/${pod.metadata.name}`;

/** The first rule that matches decides; a failure no rule matches counts. */
export function judgeFailure(job: Job, pod: Pod): Verdict {
  for (const [index, rule] of (job.spec?.podFailurePolicy?.rules ?? []).entries()) {
    const matched = rule.onExitCodes ? matchExitCodes(rule, pod) : matchConditions(rule, pod);
    if (matched === undefined) continue;
    switch (rule.action) {
      case "FailJob":
        return { action: "FailJob", message: `${matched} matching FailJob rule at index ${index}` };
      case "Ignore":
        return { action: "Ignore" };
      case "FailIndex":
        if (job.spec?.backoffLimitPerIndex === undefined) continue;
        return { action: "FailIndex" };
      case "Count":
        return { action: "Count" };
      default:
        // An action this controller does not know is skipped, as upstream.
        continue;
    }
  }
  return { action: "Count" };
}

function matchExitCodes(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  const wanted = rule.onExitCodes;
  const matches = (code: number): boolean =>
    code !== 0 &&
    (wanted?.operator === "In") === Boolean(wanted?.values.includes(code)) &&
    (wanted?.operator === "In" || wanted?.operator === "NotIn");
  const failed = (statuses: readonly ContainerStatus[] | undefined): ContainerStatus | undefined =>
    statuses?.find(
      (s) =>
        (!wanted?.containerName || s.name === wanted.containerName) &&
        s.state?.terminated !== undefined &&
        matches(s.state.terminated.exitCode),
    );
  const status = failed(pod.status?.initContainerStatuses) ?? failed(pod.status?.containerStatuses);
  return status
    ? `Container ${status.name} for pod ${nameOf(pod)} failed with exit code ${status.state?.terminated?.exitCode}`
    : undefined;
}

function matchConditions(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  const pattern = (rule.onPodConditions ?? []).find((p) =>
    pod.status?.conditions?.some((c) => c.type === p.type && c.status === (p.status ?? "True")),
  );
  return pattern ? `Pod ${nameOf(pod)} has condition ${pattern.type}` : undefined;
}

/** The success policy's rule that the succeeded indexes fulfil. Pure. */
export function successRuleMet(
  job: Job,
  succeeded: ReadonlySet<number>,
  parse: (text: string) => Set<number>,
): number | undefined {
  const rules = job.spec?.successPolicy?.rules ?? [];
  const index = rules.findIndex((rule) => {
    const listed = rule.succeededIndexes === undefined ? undefined : parse(rule.succeededIndexes);
    const met = listed ? [...listed].filter((i) => succeeded.has(i)).length : succeeded.size;
    return met >= (rule.succeededCount ?? listed?.size ?? Infinity);
  });
  return index < 0 ? undefined : index;
}
