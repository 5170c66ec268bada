import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { podCondition } from "@coracle/shared/meta/pods.ts";

/** How many replicas a metric asks for, on upstream's rules. Pure. */

export interface Measured {
  /** Usage by pod name, in the unit of the target. */
  readonly usage: ReadonlyMap<string, number>;
  readonly pods: readonly Pod[];
  /** What a pod asks for; undefined for targets by average value. */
  readonly request: ((pod: Pod) => number) | undefined;
  readonly isCpu: boolean;
  readonly now: number;
}

export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export interface Calculated {
  readonly replicas: number;
  /** Percent of the requests, for utilization targets. */
  readonly utilization: number | undefined;
  /** Average per pod. */
  readonly average: number;
}

const CPU_INITIALIZATION_MS = 5 * 60_000;
const READINESS_DELAY_MS = 30_000;

interface Groups {
  readonly ready: readonly Pod[];
  readonly unready: readonly Pod[];
  readonly missing: readonly Pod[];
}

/** Pods still starting say nothing about the load yet; failed and departing ones do not count. */
function group({ usage, pods, isCpu, now }: Measured): Groups {
  const ready: Pod[] = [];
  const unready: Pod[] = [];
  const missing: Pod[] = [];
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === "Failed") continue;
    const name = pod.metadata.name ?? "";
    if (pod.status?.phase === "Pending") unready.push(pod);
    else if (!usage.has(name)) missing.push(pod);
    else if (isCpu && isStarting(pod, now)) unready.push(pod);
    else ready.push(pod);
  }
  return { ready, unready, missing };
}

function isStarting(pod: Pod, now: number): boolean {
  const condition = podCondition(pod, "Ready");
  const start = pod.status?.startTime;
  if (!condition || start === undefined) return true;
  const started = Date.parse(start);
  const changed = Date.parse(condition.lastTransitionTime ?? start);
  if (started + CPU_INITIALIZATION_MS > now) return condition.status === "False";
  return condition.status === "False" && changed < started + READINESS_DELAY_MS;
}

const within = (ratio: number, tolerance: Tolerance): boolean =>
  ratio >= 1 - tolerance.down && ratio <= 1 + tolerance.up;

/** `target`: percent of the requests, or an average amount per pod. */
export function calculate(
  measured: Measured,
  current: number,
  target: number,
  tolerance: Tolerance,
): Calculated {
  const { ready, unready, missing } = group(measured);
  const used = (pod: Pod): number => measured.usage.get(pod.metadata.name ?? "") ?? 0;
  const asked = (pod: Pod): number => measured.request?.(pod) ?? 0;
  if (ready.length === 0)
    throw new Error("did not receive metrics for targeted pods (pods might be unready)");
  const ratioOf = (usages: readonly (readonly [Pod, number])[]): number => {
    const total = usages.reduce((sum, [, amount]) => sum + amount, 0);
    if (!measured.request) return total / usages.length / target;
    const requests = usages.reduce((sum, [pod]) => sum + asked(pod), 0);
    if (requests === 0) throw new Error("no metrics returned matched known pods");
    return Math.trunc((total * 100) / requests) / target;
  };
  const known = ready.map((pod) => [pod, used(pod)] as const);
  const total = known.reduce((sum, [, amount]) => sum + amount, 0);
  const requests = ready.reduce((sum, pod) => sum + asked(pod), 0);
  const ratio = ratioOf(known);
  const figures = {
    utilization: measured.request ? Math.trunc((total * 100) / requests) : undefined,
    average: Math.trunc(total / ready.length),
  };
  const rebalance = unready.length > 0 && ratio > 1;
  if (!rebalance && missing.length === 0)
    return {
      replicas: within(ratio, tolerance) ? current : Math.ceil(round(ratio * ready.length)),
      ...figures,
    };
  // What is not known is assumed against a change: idle when it would grow, at target when it would shrink.
  const atTarget = (pod: Pod): number =>
    measured.request ? (asked(pod) * Math.max(100, target)) / 100 : target;
  const assumed = [
    ...known,
    ...missing.map((pod) => [pod, ratio < 1 ? atTarget(pod) : 0] as const),
    ...(rebalance ? unready.map((pod) => [pod, 0] as const) : []),
  ];
  const corrected = ratioOf(assumed);
  const turned = (ratio < 1 && corrected > 1) || (ratio > 1 && corrected < 1);
  if (within(corrected, tolerance) || turned) return { replicas: current, ...figures };
  const replicas = Math.ceil(round(corrected * assumed.length));
  const wrongWay = (corrected < 1 && replicas > current) || (corrected > 1 && replicas < current);
  return { replicas: wrongWay ? current : replicas, ...figures };
}

/** Sums of decimals must not cost a whole pod: 3.0000000000000004 is 3. */
const round = (value: number): number => Math.round(value * 1e9) / 1e9;
