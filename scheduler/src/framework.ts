import type { Cluster } from "./cluster.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";

/** Why a pod cannot go somewhere. */
export interface Unfit {
  /** As upstream words it: `Insufficient cpu`, `node(s) were unschedulable`. */
  readonly reasons: readonly string[];
  /** False when evicting pods would not help (upstream's UnschedulableAndUnresolvable). */
  readonly preemptable: boolean;
  /** It is too early to try the pod at all (upstream's PreEnqueue): nobody is told. */
  readonly early?: boolean;
}

export const unfit = (...reasons: string[]): Unfit => ({ reasons, preemptable: true });
export const unresolvable = (...reasons: string[]): Unfit => ({ reasons, preemptable: false });

/** What plugins remember between the steps of one pod's cycle, each under its own name. */
export class CycleState {
  readonly #data = new Map<string, unknown>();
  get<T>(plugin: string): T | undefined {
    return this.#data.get(plugin) as T | undefined;
  }
  set(plugin: string, value: unknown): void {
    this.#data.set(plugin, value);
  }
}

/** What happened in the cluster that may let a waiting pod in. */
export type ClusterEvent =
  | { readonly kind: "node-added"; readonly node: NodeInfo }
  | {
      readonly kind: "node-changed";
      readonly node: NodeInfo;
      readonly changed: ReadonlySet<"allocatable" | "labels" | "taints" | "unschedulable" | "images">;
    }
  | { readonly kind: "pod-added" | "pod-deleted" | "pod-relabelled" | "pod-shrunk"; readonly pod: PodInfo }
  | { readonly kind: "volume" }
  | {
      readonly kind: "device";
      /** There may be more devices for anybody, not for the users of this claim alone. */
      readonly claim?: { readonly namespace: string; readonly name: string } | undefined;
    }
  | { readonly kind: "gates-removed" | "namespace-relabelled" };

/** Restricts the nodes to look at, or refuses the pod outright. */
export type PreFilterResult = { readonly nodes: ReadonlySet<string> } | Unfit | undefined;
export const isUnfit = (result: PreFilterResult): result is Unfit =>
  result !== undefined && "reasons" in result;

/** One rule of placement. Every step is optional; filter and score are synchronous. */
export interface Plugin {
  readonly name: string;
  /** Once per pod, before filter. */
  preFilter?(pod: PodInfo, cluster: Cluster, state: CycleState): PreFilterResult;
  /** Whether this node will do. */
  filter?(pod: PodInfo, node: NodeInfo, state: CycleState): Unfit | undefined;
  /** Adjusts the pod's own state as if `other` were added to or removed from the node: what preemption asks. */
  simulate?(pod: PodInfo, other: PodInfo, node: NodeInfo, by: 1 | -1, state: CycleState): void;
  /** Once per pod, before score; false skips scoring. */
  preScore?(pod: PodInfo, nodes: readonly NodeInfo[], cluster: Cluster, state: CycleState): boolean;
  /** Higher is better; 0 to 100 after {@link normalize}. */
  score?(pod: PodInfo, node: NodeInfo, state: CycleState): number;
  normalize?(scores: number[], state: CycleState, nodes: readonly NodeInfo[]): void;
  readonly weight?: number;
  /** Holds something for the pod on the chosen node; undone by {@link unreserve}. */
  reserve?(pod: PodInfo, node: NodeInfo, state: CycleState): Unfit | undefined;
  unreserve?(pod: PodInfo, node: NodeInfo, state: CycleState): void;
  /** Work before the binding that may wait, outside of the cycle. A rejection sends the pod back to the queue. */
  preBind?(pod: PodInfo, node: NodeInfo, state: CycleState, signal: AbortSignal): Promise<void>;
  /** No node would do: what the plugin can change about that (upstream's PostFilter). */
  postFilter?(pod: PodInfo, state: CycleState, signal: AbortSignal): Promise<void>;
  /** Whether this event may let in a pod that this plugin refused. Without it no event does. */
  helps?(event: ClusterEvent, pod: PodInfo): boolean;
}

/** Scales raw scores to 0…100 by the highest; `reverse` when less is better. Upstream's DefaultNormalizeScore. */
export function normalizeByHighest(scores: number[], reverse: boolean): void {
  const highest = Math.max(0, ...scores);
  for (const [i, score] of scores.entries()) {
    if (highest === 0) scores[i] = reverse ? 100 : 0;
    else {
      const scaled = Math.trunc((score * 100) / highest);
      scores[i] = reverse ? 100 - scaled : scaled;
    }
  }
}
