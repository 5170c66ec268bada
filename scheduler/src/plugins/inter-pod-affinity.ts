import type { Labels } from "@coracle/shared/meta/labels.ts";
import { CycleState, unfit, unresolvable, type Plugin } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import type { AffinityTerm, PodInfo } from "../pod-info.ts";

const name = "InterPodAffinity";
/** Weight of a pod already placed whose required affinity likes the incoming one; upstream's hardPodAffinityWeight. */
const hardAffinityWeight = 1;

export type NamespaceLabels = (namespace: string) => Labels | undefined;

/** `key=value` of a topology → how many pods there match. */
type Counts = Map<string, number>;

interface Required {
  /** Existing pods whose required anti-affinity keeps the incoming pod away. */
  readonly existingAnti: Counts;
  /** Per own affinity term, pods that match all of them. */
  readonly affinity: Counts;
  readonly anti: Counts;
}

const topology = (node: NodeInfo, key: string): string | undefined => {
  const value = node.node?.metadata.labels?.[key];
  return value === undefined ? undefined : `${key}=${value}`;
};
const bump = (counts: Counts, key: string | undefined, by: number): void => {
  if (key === undefined) return;
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
};

/** Attraction and repulsion between pods, by topology: nodes, zones, … */
export function createInterPodAffinity(namespaceLabels: NamespaceLabels): Plugin {
  const termMatches = (term: AffinityTerm, other: PodInfo): boolean => {
    const inNamespace =
      term.namespaces.has(other.namespace) ||
      (term.namespaceSelector !== undefined &&
        term.namespaceSelector.matches(namespaceLabels(other.namespace) ?? {}));
    return inNamespace && term.selector.matches(other.labels);
  };
  const matchesAll = (terms: readonly AffinityTerm[], other: PodInfo): boolean =>
    terms.length > 0 && terms.every((t) => termMatches(t, other));

  const countPair = (required: Required, pod: PodInfo, other: PodInfo, node: NodeInfo, by: 1 | -1): void => {
    for (const term of other.requiredAntiAffinity)
      if (termMatches(term, pod)) bump(required.existingAnti, topology(node, term.topologyKey), by);
    if (matchesAll(pod.requiredAffinity, other))
      for (const term of pod.requiredAffinity) bump(required.affinity, topology(node, term.topologyKey), by);
    for (const term of pod.requiredAntiAffinity)
      if (termMatches(term, other)) bump(required.anti, topology(node, term.topologyKey), by);
  };

  /** The first pod of a group that wants to be together must start somewhere: allowed when it matches its own terms and nobody does yet. */
  const affinityHolds = (required: Required, pod: PodInfo, node: NodeInfo): boolean => {
    if (pod.requiredAffinity.length === 0) return true;
    const keys = pod.requiredAffinity.map((term) => topology(node, term.topologyKey));
    if (keys.some((key) => key === undefined)) return false;
    if (keys.every((key) => (required.affinity.get(key ?? "") ?? 0) > 0)) return true;
    return required.affinity.size === 0 && matchesAll(pod.requiredAffinity, pod);
  };

  const addScore = (
    scores: Counts,
    terms: readonly AffinityTerm[],
    target: PodInfo,
    node: NodeInfo,
    sign: number,
    weight?: number,
  ): void => {
    for (const term of terms)
      if (termMatches(term, target))
        bump(scores, topology(node, term.topologyKey), sign * (weight ?? term.weight));
  };

  return {
    name,
    weight: 2,
    preFilter(pod, cluster, state) {
      const required: Required = { existingAnti: new Map(), affinity: new Map(), anti: new Map() };
      const own = pod.requiredAffinity.length + pod.requiredAntiAffinity.length > 0;
      for (const node of own ? cluster.nodes : cluster.nodesWithAntiAffinity) {
        if (!node.node) continue;
        for (const other of node.pods.values())
          if (own || other.requiredAntiAffinity.length > 0) countPair(required, pod, other, node, 1);
      }
      state.set(name, required);
      return undefined;
    },
    simulate(pod, other, node, by, state) {
      const required = state.get<Required>(name);
      if (required) countPair(required, pod, other, node, by);
    },
    filter(pod, node, state: CycleState) {
      const required = state.get<Required>(name);
      if (!required) return undefined;
      if (!affinityHolds(required, pod, node)) return unresolvable("node(s) didn't match pod affinity rules");
      const anti = pod.requiredAntiAffinity.some(
        (t) => (required.anti.get(topology(node, t.topologyKey) ?? "") ?? 0) > 0,
      );
      if (anti) return unfit("node(s) didn't match pod anti-affinity rules");
      if (required.existingAnti.size === 0) return undefined;
      const labels = node.node?.metadata.labels ?? {};
      const kept = Object.entries(labels).some(
        ([key, value]) => (required.existingAnti.get(`${key}=${value}`) ?? 0) > 0,
      );
      return kept ? unfit("node(s) didn't satisfy existing pods anti-affinity rules") : undefined;
    },
    preScore(pod, _nodes, cluster, state) {
      const own = pod.preferredAffinity.length + pod.preferredAntiAffinity.length > 0;
      const scores: Counts = new Map();
      for (const node of own ? cluster.nodes : cluster.nodesWithAffinity) {
        if (!node.node) continue;
        for (const other of node.pods.values()) {
          addScore(scores, pod.preferredAffinity, other, node, 1);
          addScore(scores, pod.preferredAntiAffinity, other, node, -1);
          addScore(scores, other.requiredAffinity, pod, node, 1, hardAffinityWeight);
          addScore(scores, other.preferredAffinity, pod, node, 1);
          addScore(scores, other.preferredAntiAffinity, pod, node, -1);
        }
      }
      state.set(`${name}/score`, scores);
      return scores.size > 0;
    },
    score(_pod, node, state) {
      const scores = state.get<Counts>(`${name}/score`);
      let total = 0;
      for (const [key, value] of Object.entries(node.node?.metadata.labels ?? {}))
        total += scores?.get(`${key}=${value}`) ?? 0;
      return total;
    },
    normalize(scores) {
      const low = Math.min(...scores);
      const range = Math.max(...scores) - low;
      for (const [i, score] of scores.entries())
        scores[i] = range === 0 ? 0 : Math.trunc((100 * (score - low)) / range);
    },
    helps: (event) =>
      event.kind === "node-added" ||
      event.kind === "pod-added" ||
      event.kind === "pod-deleted" ||
      event.kind === "pod-relabelled" ||
      // Terms of either side may choose namespaces by their labels.
      event.kind === "namespace-relabelled" ||
      (event.kind === "node-changed" && event.changed.has("labels")),
  };
}
