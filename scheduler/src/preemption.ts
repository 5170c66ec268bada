import type { PodDisruptionBudget } from "@coracle/shared/api/generated/policy-v1.ts";
import { selectorFromObject } from "@coracle/shared/meta/labels.ts";
import { podCondition } from "@coracle/shared/meta/pods.ts";
import type { Cluster } from "./cluster.ts";
import { occupy, withNominated, type Refused } from "./cycle.ts";
import { CycleState, isUnfit, type Plugin } from "./framework.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";

export interface Preemption {
  readonly node: NodeInfo;
  readonly victims: readonly PodInfo[];
}
export interface NoPreemption {
  /** The part of the event that says why nobody was evicted. */
  readonly message: string;
  /** No node would do even with evictions, so a promise made earlier is void. */
  readonly hopeless: boolean;
}

interface Candidate extends Preemption {
  readonly violations: number;
}

const startOf = (pod: PodInfo): number => Date.parse(pod.pod.status?.startTime ?? "") || Infinity;
/** More important first: higher priority, then running longer. */
const byImportance = (a: PodInfo, b: PodInfo): number =>
  a.priority !== b.priority ? b.priority - a.priority : startOf(a) - startOf(b);

/** Splits victims into those whose eviction would break a disruption budget and the others, in order of importance. */
function splitByBudget(
  victims: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { violating: PodInfo[]; others: PodInfo[] } {
  const allowed = new Map(budgets.map((b) => [b, b.status?.disruptionsAllowed ?? 0]));
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const victim of victims.toSorted(byImportance)) {
    let breaks = false;
    for (const budget of budgets) {
      if (
        budget.metadata.namespace !== victim.namespace ||
        !budget.spec?.selector ||
        !selectorFromObject(budget.spec.selector).matches(victim.labels)
      )
        continue;
      if (budget.status?.disruptedPods?.[victim.pod.metadata.name ?? ""] !== undefined) continue;
      const left = (allowed.get(budget) ?? 0) - 1;
      allowed.set(budget, left);
      breaks ||= left < 0;
    }
    (breaks ? violating : others).push(victim);
  }
  return { violating, others };
}

interface Search {
  readonly plugins: readonly Plugin[];
  readonly cluster: Cluster;
  readonly pod: PodInfo;
  readonly state: CycleState;
  readonly budgets: readonly PodDisruptionBudget[];
}

/** Removes all pods of lower priority, then puts back as many as fit, the most important first. Leaves the node as it was. */
function selectVictims(
  { plugins, cluster, pod, state, budgets }: Search,
  node: NodeInfo,
): Candidate | undefined {
  const lower = [...node.pods.values()].filter((p) => p.priority < pod.priority);
  if (lower.length === 0) return undefined;
  // A node whose room is promised to a pod that preempted for it is no candidate for another.
  const fits = (): boolean => withNominated(plugins, cluster, pod, node, state) === undefined;
  for (const victim of lower) occupy(plugins, pod, victim, node, -1, state);
  const victims: PodInfo[] = [];
  let violations = 0;
  const possible = fits();
  if (possible) {
    const { violating, others } = splitByBudget(lower, budgets);
    for (const [group, breaks] of [
      [violating, true],
      [others, false],
    ] as const) {
      for (const victim of group) {
        occupy(plugins, pod, victim, node, 1, state);
        if (fits()) continue;
        occupy(plugins, pod, victim, node, -1, state);
        victims.push(victim);
        if (breaks) violations += 1;
      }
    }
    for (const victim of victims) occupy(plugins, pod, victim, node, 1, state);
  } else for (const victim of lower) occupy(plugins, pod, victim, node, 1, state);
  return possible && victims.length > 0
    ? { node, victims: victims.toSorted(byImportance), violations }
    : undefined;
}

/** Upstream's order: fewest broken budgets, lowest top priority, lowest sum of priorities, fewest victims, latest start. */
function better(a: Candidate, b: Candidate): boolean {
  const top = (c: Candidate): number => c.victims[0]?.priority ?? 0;
  // Shifted, so that negative priorities add up too.
  const sum = (c: Candidate): number => c.victims.reduce((total, v) => total + v.priority + 2 ** 31, 0);
  const keys = (c: Candidate): number[] => [
    c.violations,
    top(c),
    sum(c),
    c.victims.length,
    -Math.min(...c.victims.filter((v) => v.priority === top(c)).map(startOf)),
  ];
  const [left, right] = [keys(a), keys(b)];
  for (const [i, value] of left.entries()) if (value !== right[i]) return value < (right[i] ?? 0);
  return false;
}

/** It ends because a pod preempted it, not because its time had come. */
const isVictim = ({ pod }: PodInfo): boolean =>
  pod.metadata.deletionTimestamp !== undefined &&
  podCondition(pod, "DisruptionTarget")?.reason === "PreemptionByScheduler";

/**
 * Whether the pod may preempt at all: its policy allows it, and it is not waiting for victims on its promised node to end. It waits for
 * nothing on a node that will not do whoever ends there.
 */
function eligible(pod: PodInfo, cluster: Cluster, refused: Refused): boolean {
  if (pod.pod.spec?.preemptionPolicy === "Never") return false;
  const promised = pod.pod.status?.nominatedNodeName ?? cluster.nominated.get(pod.uid)?.nodeName;
  const node = promised ? cluster.node(promised) : undefined;
  if (!node || refused.byNode.get(node.name)?.preemptable === false) return true;
  return ![...node.pods.values()].some((p) => isVictim(p) && p.priority < pod.priority);
}

/** Looks for the node where evicting pods of lower priority costs least (plugin DefaultPreemption). Pure but for the simulation it undoes. */
export function findPreemption(
  plugins: readonly Plugin[],
  cluster: Cluster,
  pod: PodInfo,
  refused: Refused,
  budgets: readonly PodDisruptionBudget[],
): Preemption | NoPreemption {
  const total = refused.total;
  if (!eligible(pod, cluster, refused))
    return {
      message:
        "not eligible due to " +
        (pod.pod.spec?.preemptionPolicy === "Never"
          ? "preemptionPolicy=Never."
          : "terminating pod on the nominated node."),
      hopeless: false,
    };
  const say = (notHelpful: number, noVictims: number): NoPreemption => {
    const parts = [
      ...(noVictims ? [`${noVictims} No preemption victims found for incoming pod`] : []),
      ...(notHelpful ? [`${notHelpful} Preemption is not helpful for scheduling`] : []),
    ];
    const message = `0/${total} nodes are available: ${parts.toSorted().join(", ")}.`;
    return { message, hopeless: true };
  };
  if (refused.whole) return say(total, 0);
  const state = new CycleState();
  for (const plugin of plugins) if (isUnfit(plugin.preFilter?.(pod, cluster, state))) return say(total, 0);
  let best: Candidate | undefined;
  let helpful = 0;
  for (const [name, unfit] of refused.byNode) {
    const node = cluster.node(name);
    if (!node || !unfit.preemptable) continue;
    helpful += 1;
    const candidate = selectVictims({ plugins, cluster, pod, state, budgets }, node);
    if (candidate && (!best || better(candidate, best))) best = candidate;
  }
  return best ?? say(total - helpful, helpful);
}
