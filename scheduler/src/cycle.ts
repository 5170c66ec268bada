import type { Cluster } from "./cluster.ts";
import { CycleState, isUnfit, type Plugin, type Unfit } from "./framework.ts";
import { addPod, removePod, type NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";

/** Upstream's minFeasibleNodesToFind: small clusters are always looked at whole. */
const minFeasibleNodes = 100;

export interface Placed {
  readonly node: NodeInfo;
  readonly state: CycleState;
}

/** Why no node would do: by node, or for the pod as a whole. */
export interface Refused {
  readonly total: number;
  readonly byNode: ReadonlyMap<string, Unfit>;
  readonly whole: Unfit | undefined;
  readonly refusedBy: ReadonlySet<string>;
  readonly state: CycleState;
}

export const isPlaced = (result: Placed | Refused): result is Placed => "node" in result;

/** How many fitting nodes are enough to choose from: all up to 100, then a falling share, 5 % at least (percentageOfNodesToScore). */
export function enoughNodes(total: number): number {
  if (total <= minFeasibleNodes) return total;
  const percentage = Math.max(5, 50 - Math.trunc(total / 125));
  return Math.max(minFeasibleNodes, Math.trunc((total * percentage) / 100));
}

/** Runs every filter on one node; the first refusal counts. */
export function filterNode(
  plugins: readonly Plugin[],
  pod: PodInfo,
  node: NodeInfo,
  state: CycleState,
): { readonly unfit: Unfit; readonly plugin: string } | undefined {
  for (const plugin of plugins) {
    const unfit = plugin.filter?.(pod, node, state);
    if (unfit) return { unfit, plugin: plugin.name };
  }
  return undefined;
}

/** Pods of the same or a higher priority that were promised this node count as if they ran there. */
export function withNominated(
  plugins: readonly Plugin[],
  cluster: Cluster,
  pod: PodInfo,
  node: NodeInfo,
  state: CycleState,
): ReturnType<typeof filterNode> {
  const promised = [...cluster.nominated.values()].filter(
    (n) => n.nodeName === node.name && n.info.uid !== pod.uid && n.info.priority >= pod.priority,
  );
  if (promised.length === 0) return filterNode(plugins, pod, node, state);
  for (const { info } of promised) occupy(plugins, pod, info, node, 1, state);
  const result = filterNode(plugins, pod, node, state);
  for (const { info } of promised) occupy(plugins, pod, info, node, -1, state);
  // A promised pod may also be one that this pod wants to be near: it must fit without them too.
  return result ?? filterNode(plugins, pod, node, state);
}

/** Puts `other` on the node or takes it off, for the filters' eyes only. */
export function occupy(
  plugins: readonly Plugin[],
  pod: PodInfo,
  other: PodInfo,
  node: NodeInfo,
  by: 1 | -1,
  state: CycleState,
): void {
  if (by === 1) addPod(node, other);
  else removePod(node, other.uid);
  for (const plugin of plugins) plugin.simulate?.(pod, other, node, by, state);
}

/** One scheduling cycle: which nodes fit, and the best of them. Synchronous, so that it sees one state of the cluster. */
export function createCycle(
  plugins: readonly Plugin[],
  cluster: Cluster,
  random: () => number = Math.random,
) {
  let start = 0;

  function preFilter(
    pod: PodInfo,
    state: CycleState,
  ): { nodes: readonly NodeInfo[] } | { whole: Unfit; plugin: string } {
    let allowed: ReadonlySet<string> | undefined;
    for (const plugin of plugins) {
      const result = plugin.preFilter?.(pod, cluster, state);
      if (isUnfit(result)) return { whole: result, plugin: plugin.name };
      if (!result) continue;
      const previous = allowed;
      allowed = previous ? new Set([...result.nodes].filter((n) => previous.has(n))) : result.nodes;
    }
    if (!allowed) return { nodes: cluster.nodes };
    return { nodes: [...allowed].flatMap((name) => cluster.node(name) ?? []) };
  }

  function filter(
    pod: PodInfo,
    nodes: readonly NodeInfo[],
    state: CycleState,
  ): { fits: NodeInfo[]; byNode: Map<string, Unfit>; refusedBy: Set<string> } {
    const enough = enoughNodes(nodes.length);
    const fits: NodeInfo[] = [];
    const byNode = new Map<string, Unfit>();
    const refusedBy = new Set<string>();
    let looked = 0;
    // Each cycle begins where the last one stopped, so that every node gets its turn.
    for (; looked < nodes.length && fits.length < enough; looked++) {
      const node = nodes[(start + looked) % nodes.length];
      if (!node) continue;
      const refusal = withNominated(plugins, cluster, pod, node, state);
      if (!refusal) fits.push(node);
      else {
        byNode.set(node.name, refusal.unfit);
        refusedBy.add(refusal.plugin);
      }
    }
    if (nodes.length > 0) start = (start + looked) % nodes.length;
    return { fits, byNode, refusedBy };
  }

  function score(pod: PodInfo, nodes: readonly NodeInfo[], state: CycleState): NodeInfo {
    const totals = nodes.map(() => 0);
    for (const plugin of plugins) {
      if (!plugin.score || plugin.preScore?.(pod, nodes, cluster, state) === false) continue;
      const scores = nodes.map((node) => plugin.score?.(pod, node, state) ?? 0);
      plugin.normalize?.(scores, state, nodes);
      for (const [i, value] of scores.entries()) totals[i] = (totals[i] ?? 0) + value * (plugin.weight ?? 1);
    }
    const best = Math.max(...totals);
    const tied = nodes.filter((_, i) => totals[i] === best);
    return (tied[Math.floor(random() * tied.length)] ?? nodes[0]) as NodeInfo;
  }

  return (pod: PodInfo): Placed | Refused => {
    const state = new CycleState();
    const total = cluster.nodes.length;
    const none = { total, byNode: new Map<string, Unfit>(), state };
    const before = preFilter(pod, state);
    if ("whole" in before) return { ...none, whole: before.whole, refusedBy: new Set([before.plugin]) };
    // A preempting pod goes to the node it was promised, if that still fits.
    const promised = cluster.nominated.get(pod.uid)?.nodeName ?? pod.pod.status?.nominatedNodeName;
    const promisedNode = promised ? before.nodes.find((n) => n.name === promised) : undefined;
    if (promisedNode && !withNominated(plugins, cluster, pod, promisedNode, state))
      return { node: promisedNode, state };
    const { fits, byNode, refusedBy } = filter(pod, before.nodes, state);
    const [only] = fits;
    if (!only) {
      // Nodes that a plugin ruled out beforehand were refused by it (upstream counts them as node affinity).
      if (before.nodes.length < total) refusedBy.add("NodeAffinity");
      return { ...none, byNode, whole: undefined, refusedBy };
    }
    return { node: fits.length === 1 ? only : score(pod, fits, state), state };
  };
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function refusalMessage(refused: Refused): string {
  if (refused.total === 0) return "no nodes available to schedule pods";
  const head = `0/${refused.total} nodes are available`;
  if (refused.whole) return `${head}: ${refused.whole.reasons.join(", ")}.`;
  const counts = new Map<string, number>();
  for (const { reasons } of refused.byNode.values())
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const ruledOut = refused.total - refused.byNode.size;
  if (ruledOut > 0) {
    const reason = "node(s) didn't satisfy plugin(s) [NodeAffinity]";
    counts.set(reason, ruledOut);
  }
  return `${head}: ${[...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .toSorted()
    .join(", ")}.`;
}
