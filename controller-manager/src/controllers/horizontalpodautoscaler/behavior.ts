import type {
  HorizontalPodAutoscalerSpec,
  HPAScalingPolicy,
  HPAScalingRules,
} from "@coracle/shared/api/generated/autoscaling-v2.ts";

/** How far and how fast a recommendation may change the size: stabilization windows and policies, on upstream's rules. Pure. */

export interface Sample {
  readonly at: number;
  readonly replicas: number;
}

/** What happened to one autoscaler's target so far. */
export interface History {
  readonly recommendations: readonly Sample[];
  /** Changes made: numbers of replicas added and removed. */
  readonly ups: readonly Sample[];
  readonly downs: readonly Sample[];
}

export const emptyHistory: History = { recommendations: [], ups: [], downs: [] };

/** What is known at the first look: the present size stands for what was recommended before, so that nothing shrinks at once. */
export const firstHistory = (now: number, current: number): History => ({
  ...emptyHistory,
  recommendations: [{ at: now, replicas: current }],
});

interface Rules {
  readonly stabilizationWindowSeconds: number;
  readonly selectPolicy: string;
  readonly policies: readonly HPAScalingPolicy[];
}

const UP: Rules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
const DOWN: Rules = {
  stabilizationWindowSeconds: 300,
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
};

const rulesOf = (given: HPAScalingRules | undefined, defaults: Rules): Rules => ({
  stabilizationWindowSeconds: given?.stabilizationWindowSeconds ?? defaults.stabilizationWindowSeconds,
  selectPolicy: given?.selectPolicy ?? defaults.selectPolicy,
  policies: given?.policies && given.policies.length > 0 ? given.policies : defaults.policies,
});

const sumSince = (samples: readonly Sample[], since: number): number =>
  samples.filter((s) => s.at > since).reduce((sum, s) => sum + s.replicas, 0);

export interface Limited {
  readonly replicas: number;
  /** Of the ScalingLimited condition. */
  readonly limited: { readonly status: string; readonly reason: string; readonly message: string };
  /** Of the AbleToScale condition, when a window held the size. */
  readonly stabilized: "up" | "down" | undefined;
}

export interface LimitInput {
  readonly spec: HorizontalPodAutoscalerSpec;
  readonly current: number;
  readonly desired: number;
  readonly history: History;
  readonly now: number;
}

export function limit(input: LimitInput): Limited {
  const stable = stabilize(input);
  const direction = stable > input.desired ? "down" : stable < input.desired ? "up" : undefined;
  const { replicas, reason, message } = applyPolicies({ ...input, desired: stable });
  return {
    replicas,
    limited:
      reason === undefined
        ? {
            status: "False",
            reason: "DesiredWithinRange",
            message: "the desired count is within the acceptable range",
          }
        : { status: "True", reason, message: message ?? "" },
    stabilized: direction,
  };
}

/** Not higher than the lowest recommendation of the window upwards, not lower than the highest of the window downwards. */
function stabilize({ spec, current, desired, history, now }: LimitInput): number {
  const up = rulesOf(spec.behavior?.scaleUp, UP).stabilizationWindowSeconds;
  const down = rulesOf(spec.behavior?.scaleDown, DOWN).stabilizationWindowSeconds;
  let lowest = desired;
  let highest = desired;
  for (const { at, replicas } of history.recommendations) {
    if (at > now - up * 1000) lowest = Math.min(lowest, replicas);
    if (at > now - down * 1000) highest = Math.max(highest, replicas);
  }
  return Math.min(Math.max(current, lowest), highest);
}

interface Bounded {
  readonly replicas: number;
  readonly reason?: string;
  readonly message?: string;
}

function applyPolicies(input: LimitInput): Bounded {
  const { spec, current, desired } = input;
  const min = spec.minReplicas ?? 1;
  if (desired > current) {
    const rate = upLimit(input);
    const max = Math.min(rate, spec.maxReplicas);
    if (desired <= max) return { replicas: Math.max(desired, min) };
    return spec.maxReplicas > rate
      ? {
          replicas: Math.max(max, Math.min(current, spec.maxReplicas)),
          reason: "ScaleUpLimit",
          message: "the desired replica count is increasing faster than the maximum scale rate",
        }
      : {
          replicas: max,
          reason: "TooManyReplicas",
          message: "the desired replica count is more than the maximum replica count",
        };
  }
  if (desired < current) {
    const rate = downLimit(input);
    const least = Math.max(rate, min);
    if (desired >= least) return { replicas: Math.min(desired, spec.maxReplicas) };
    return rate > min
      ? {
          replicas: Math.min(least, Math.max(current, min)),
          reason: "ScaleDownLimit",
          message: "the desired replica count is decreasing faster than the maximum scale rate",
        }
      : {
          replicas: least,
          reason: "TooFewReplicas",
          message: "the desired replica count is less than the minimum replica count",
        };
  }
  if (desired > spec.maxReplicas)
    return {
      replicas: spec.maxReplicas,
      reason: "TooManyReplicas",
      message: "the desired replica count is more than the maximum replica count",
    };
  if (desired < min)
    return {
      replicas: min,
      reason: "TooFewReplicas",
      message: "the desired replica count is less than the minimum replica count",
    };
  return { replicas: desired };
}

const choose = (rules: Rules, largest: boolean, values: readonly number[]): number =>
  (rules.selectPolicy === "Min") === largest ? Math.min(...values) : Math.max(...values);

/** Without any `behavior`, growth is bounded as it was before there was one: to the double, but four at once always. */
const plainUpLimit = (current: number): number => Math.max(2 * current, 4);

function upLimit({ spec, current, history, now }: LimitInput): number {
  if (!spec.behavior) return plainUpLimit(current);
  const rules = rulesOf(spec.behavior?.scaleUp, UP);
  if (rules.selectPolicy === "Disabled") return current;
  const values = rules.policies.map((p: HPAScalingPolicy) => {
    const since = now - p.periodSeconds * 1000;
    const start = current - sumSince(history.ups, since) + sumSince(history.downs, since);
    return p.type === "Pods" ? start + p.value : Math.ceil(start * (1 + p.value / 100));
  });
  return choose(rules, true, values);
}

function downLimit({ spec, current, history, now }: LimitInput): number {
  const rules = rulesOf(spec.behavior?.scaleDown, DOWN);
  if (rules.selectPolicy === "Disabled") return current;
  const values = rules.policies.map((p: HPAScalingPolicy) => {
    const since = now - p.periodSeconds * 1000;
    const start = current - sumSince(history.ups, since) + sumSince(history.downs, since);
    return p.type === "Pods" ? start - p.value : Math.floor(start * (1 - p.value / 100));
  });
  return choose(rules, false, values);
}

const LONGEST_MS = 3_600_000;

/** The history with what was just recommended and done; what no window can reach is dropped. */
export function remember(
  history: History,
  now: number,
  recommended: number,
  change: { readonly from: number; readonly to: number } | undefined,
): History {
  const recent = (samples: readonly Sample[]): Sample[] => samples.filter((s) => s.at > now - LONGEST_MS);
  const step = change ? change.to - change.from : 0;
  return {
    recommendations: [...recent(history.recommendations), { at: now, replicas: recommended }],
    ups: step > 0 ? [...recent(history.ups), { at: now, replicas: step }] : recent(history.ups),
    downs: step < 0 ? [...recent(history.downs), { at: now, replicas: -step }] : recent(history.downs),
  };
}
