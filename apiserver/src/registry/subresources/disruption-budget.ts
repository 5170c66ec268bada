import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from "@coracle/shared/api/generated/policy-v1.ts";
import { ApiError, forbidden } from "@coracle/shared/errors.ts";
import { timestamp } from "../create-object.ts";

/** How many evictions may be under way before the controller has seen them; it keeps the object small. */
const maxDisrupted = 2000;
const budgetResource = { group: "policy", resource: "poddisruptionbudgets" };

/** A pod that does no work, or is going anyway, disrupts nothing when it goes. */
export function mayIgnoreBudget({ metadata, status }: Pod): boolean {
  const idle = status?.phase === "Succeeded" || status?.phase === "Failed" || status?.phase === "Pending";
  return idle || metadata.deletionTimestamp !== undefined;
}

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;

function whyNone(name: string, status: PodDisruptionBudgetStatus): string {
  const failed = status.conditions?.find((c) => c.type === "DisruptionAllowed" && c.reason === "SyncFailed");
  return failed
    ? `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${failed.message}`
    : `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`;
}

/**
 * Takes one disruption from a budget, in place. @returns false when the pod may go without
 * @throws ApiError 429 when the budget allows none now
 */
export function charge(budget: PodDisruptionBudget, pod: Pod, now: Date): boolean {
  if (!isReady(pod) && unreadyMayGo(budget)) return false;
  const { status } = budget;
  const name = budget.metadata.name ?? "";
  if (!status || (status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)) {
    throw refusal(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  const { disruptionsAllowed = 0 } = status;
  if (disruptionsAllowed < 0) throw forbidden(budgetResource, name, "pdb disruptions allowed is negative");
  if (Object.keys(status.disruptedPods ?? {}).length > maxDisrupted) {
    throw forbidden(
      budgetResource,
      name,
      "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
    );
  }
  if (disruptionsAllowed === 0) throw refusal(whyNone(name, status));
  status.disruptionsAllowed = disruptionsAllowed - 1;
  status.disruptedPods = { ...status.disruptedPods, [pod.metadata.name ?? ""]: timestamp(now) };
  return true;
}

function unreadyMayGo({ spec, status }: PodDisruptionBudget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

const refusal = (why: string, retryAfterSeconds?: number): ApiError =>
  new ApiError(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: "DisruptionBudget", message: why }],
    ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
  });
