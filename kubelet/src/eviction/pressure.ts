/** Which thresholds are crossed, for how long, and what that says about the node. Pure: the observations and the time in, the state out. */
import type { NodeCondition } from "@coracle/shared/api/generated/core-v1.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import {
  amountOf,
  conditionOf,
  type Observation,
  type PressureCondition,
  type Threshold,
} from "./signals.ts";

export interface PressureState {
  /** Crossed thresholds, each with the time it was first seen so. */
  readonly crossed: ReadonlyMap<Threshold, number>;
  /** Crossed, and their grace is over: something must be done. */
  readonly due: readonly Threshold[];
  /** When each condition was last true of the node; it is shown for a while after. */
  readonly seen: ReadonlyMap<PressureCondition, number>;
}

export const NO_PRESSURE: PressureState = { crossed: new Map(), due: [], seen: new Map() };

function isCrossed(threshold: Threshold, observation: Observation, withReclaim: boolean): boolean {
  const level = observation.get(threshold.signal);
  if (!level) return false;
  const least =
    amountOf(threshold.value, level.capacity) +
    (withReclaim && threshold.minReclaim ? amountOf(threshold.minReclaim, level.capacity) : 0);
  return least > level.available;
}

/** The state after one more observation. A threshold that was acted upon stays crossed until its minimum reclaim is reached. */
export function nextPressure(
  before: PressureState,
  thresholds: readonly Threshold[],
  observation: Observation,
  now: number,
): PressureState {
  const crossed = new Map<Threshold, number>();
  for (const threshold of thresholds) {
    const acted = before.due.includes(threshold);
    if (isCrossed(threshold, observation, acted))
      crossed.set(threshold, before.crossed.get(threshold) ?? now);
  }
  const seen = new Map(before.seen);
  for (const { signal } of crossed.keys()) seen.set(conditionOf(signal), now);
  const due = [...crossed].flatMap(([threshold, since]) =>
    now - since >= (threshold.graceMs ?? 0) ? [threshold] : [],
  );
  return { crossed, due, seen };
}

/** The most urgent one: memory before all else. */
export const mostUrgent = (state: PressureState): Threshold | undefined =>
  state.due.find((t) => t.signal === "memory.available") ?? state.due[0];

/** Whether the node shows the condition: it is true, or was within the transition period, so that it does not flap. */
export const hasCondition = (
  state: PressureState,
  condition: PressureCondition,
  now: number,
  transitionMs: number,
): boolean => {
  const at = state.seen.get(condition);
  return at !== undefined && now - at < transitionMs;
};

const TEXTS: Readonly<
  Record<
    PressureCondition,
    { readonly yes: readonly [string, string]; readonly no: readonly [string, string] }
  >
> = {
  MemoryPressure: {
    yes: ["KubeletHasInsufficientMemory", "kubelet has insufficient memory available"],
    no: ["KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
  },
  DiskPressure: {
    yes: ["KubeletHasDiskPressure", "kubelet has disk pressure"],
    no: ["KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
  },
  PIDPressure: {
    yes: ["KubeletHasInsufficientPID", "kubelet has insufficient PID available"],
    no: ["KubeletHasSufficientPID", "kubelet has sufficient PID available"],
  },
};
export const PRESSURES = Object.keys(TEXTS) as PressureCondition[];

/** The node's three pressure conditions. The time of the last transition stays where the status did. */
export function pressureConditions(
  shown: ReadonlySet<PressureCondition>,
  before: readonly NodeCondition[],
  now: number,
): NodeCondition[] {
  return PRESSURES.map((type): NodeCondition => {
    const status = shown.has(type) ? "True" : "False";
    const [reason, message] = TEXTS[type][shown.has(type) ? "yes" : "no"];
    const old = before.find((c) => c.type === type);
    return {
      type,
      status,
      lastHeartbeatTime: formatTime(now),
      lastTransitionTime:
        old?.status === status && old.lastTransitionTime ? old.lastTransitionTime : formatTime(now),
      reason,
      message,
    };
  });
}
