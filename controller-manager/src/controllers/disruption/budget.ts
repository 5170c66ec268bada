import type {
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from "@coracle/shared/api/generated/policy-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Condition } from "@coracle/shared/api/generated/meta-v1.ts";
import { isPodReady } from "@coracle/shared/meta/pods.ts";
import { timestamp } from "../../conditions.ts";
import { scaledValue } from "../../int-or-percent.ts";

/** The arithmetic of PodDisruptionBudgets. Pure. */

/** A pod whose eviction was granted and that is still there after this long was not evicted after all. */
const GRANT_MS = 2 * 60_000;

export interface Expected {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
}

/** Whether a budget counts by what the pods' controllers ask for: a plain number of available pods needs no controller. */
export const needsScale = ({ spec }: PodDisruptionBudget): boolean =>
  spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === "string";

/** `scale`: the replicas all controllers of the pods ask for together. */
export function expectedOf(budget: PodDisruptionBudget, pods: readonly Pod[], scale: () => number): Expected {
  const { maxUnavailable, minAvailable } = budget.spec ?? {};
  if (maxUnavailable !== undefined) {
    const expectedPods = scale();
    const unavailable = scaledValue(maxUnavailable, expectedPods, "up");
    return { expectedPods, desiredHealthy: Math.max(0, expectedPods - unavailable) };
  }
  if (typeof minAvailable === "number") return { expectedPods: pods.length, desiredHealthy: minAvailable };
  if (minAvailable !== undefined) {
    const expectedPods = scale();
    return { expectedPods, desiredHealthy: scaledValue(minAvailable, expectedPods, "up") };
  }
  return { expectedPods: 0, desiredHealthy: 0 };
}

export interface Granted {
  readonly disruptedPods: Record<string, string>;
  /** When the next grant lapses. */
  readonly recheckAt: number | undefined;
}

/** Evictions granted and not yet visible as deletions. */
export function grantsOf(budget: PodDisruptionBudget, pods: readonly Pod[], now: number): Granted {
  const present = new Map(pods.map((p) => [p.metadata.name ?? "", p]));
  const disruptedPods: Record<string, string> = {};
  let recheckAt: number | undefined;
  for (const [name, at] of Object.entries(budget.status?.disruptedPods ?? {})) {
    const pod = present.get(name);
    const lapses = Date.parse(at) + GRANT_MS;
    if (!pod || pod.metadata.deletionTimestamp !== undefined || lapses < now) continue;
    disruptedPods[name] = at;
    recheckAt = Math.min(recheckAt ?? lapses, lapses);
  }
  return { disruptedPods, recheckAt };
}

export function statusOf(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  expected: Expected,
  now: number,
): PodDisruptionBudgetStatus {
  const { disruptedPods } = grantsOf(budget, pods, now);
  const currentHealthy = pods.filter(
    (p) =>
      p.metadata.deletionTimestamp === undefined &&
      disruptedPods[p.metadata.name ?? ""] === undefined &&
      isPodReady(p),
  ).length;
  const room = expected.expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - expected.desiredHealthy);
  const generation = budget.metadata.generation ?? 0;
  return {
    currentHealthy,
    desiredHealthy: expected.desiredHealthy,
    expectedPods: expected.expectedPods,
    disruptionsAllowed: room,
    disruptedPods,
    observedGeneration: generation,
    conditions: withCondition(
      budget.status?.conditions ?? [],
      room > 0
        ? { status: "True", reason: "SufficientPods", message: "" }
        : { status: "False", reason: "InsufficientPods", message: "" },
      generation,
      now,
    ),
  };
}

export function withCondition(
  conditions: readonly Condition[],
  next: { status: string; reason: string; message: string },
  observedGeneration: number,
  now: number,
): Condition[] {
  const old = conditions.find((c) => c.type === "DisruptionAllowed");
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : timestamp(now);
  return [
    ...conditions.filter((c) => c !== old),
    { type: "DisruptionAllowed", observedGeneration, lastTransitionTime, ...next },
  ];
}
