import type { TopologySpreadConstraint } from "@coracle/shared/api/generated/core-v1.ts";
import { nothing, selectorFromObject, type Selector } from "@coracle/shared/meta/labels.ts";
import { podAllowsNode } from "@coracle/shared/scheduling/node-affinity.ts";
import { untoleratedTaint } from "@coracle/shared/scheduling/taints.ts";
import type { Cluster } from "../cluster.ts";
import { CycleState, unfit, unresolvable, type Plugin } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import type { PodInfo } from "../pod-info.ts";

const name = "PodTopologySpread";
const hostname = "kubernetes.io/hostname";
const zone = "topology.kubernetes.io/zone";

interface Constraint {
  readonly maxSkew: number;
  readonly key: string;
  readonly selector: Selector;
  readonly minDomains: number;
  readonly honorAffinity: boolean;
  readonly honorTaints: boolean;
}

/** The selector of the Services and the controller a pod belongs to, for pods without constraints of their own. */
export type DefaultSelector = (pod: PodInfo) => Selector | undefined;

/** What `matchLabelKeys` mean the API server has written into the selector. */
const parse = (c: TopologySpreadConstraint): Constraint => ({
  maxSkew: c.maxSkew,
  key: c.topologyKey,
  selector: c.labelSelector ? selectorFromObject(c.labelSelector) : nothing,
  minDomains: c.minDomains ?? 1,
  honorAffinity: (c.nodeAffinityPolicy ?? "Honor") === "Honor",
  honorTaints: c.nodeTaintsPolicy === "Honor",
});

const own = (pod: PodInfo, when: string): Constraint[] =>
  (pod.pod.spec?.topologySpreadConstraints ?? []).filter((c) => c.whenUnsatisfiable === when).map(parse);

/** Whether a node's pods count for a constraint (KEP-3094). */
const counted = (pod: PodInfo, node: NodeInfo, c: Constraint): boolean =>
  (!c.honorAffinity || (node.node !== undefined && podAllowsNode(pod.pod, node.node))) &&
  (!c.honorTaints ||
    !untoleratedTaint(node.node?.spec?.taints, pod.pod.spec?.tolerations, ["NoSchedule", "NoExecute"]));

const matching = (pod: PodInfo, node: NodeInfo, selector: Selector): number => {
  let count = 0;
  for (const other of node.pods.values())
    if (
      other.namespace === pod.namespace &&
      !other.pod.metadata.deletionTimestamp &&
      selector.matches(other.labels)
    )
      count += 1;
  return count;
};

/** Domain → matching pods, for one constraint. */
function countDomains(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  constraint: Constraint,
  keys: readonly string[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const labels = node.node?.metadata.labels ?? {};
    const domain = labels[constraint.key];
    // A node without all of the keys takes no part.
    if (
      domain === undefined ||
      keys.some((key) => labels[key] === undefined) ||
      !counted(pod, node, constraint)
    )
      continue;
    counts.set(domain, (counts.get(domain) ?? 0) + matching(pod, node, constraint.selector));
  }
  return counts;
}

interface Hard {
  readonly constraints: readonly {
    readonly constraint: Constraint;
    readonly counts: Map<string, number>;
    readonly selfMatch: number;
  }[];
}
interface Soft {
  readonly constraints: readonly {
    readonly constraint: Constraint;
    readonly counts: Map<string, number>;
    readonly weight: number;
  }[];
  /** All keys must be on a node for it to be scored; not so with the default constraints. */
  readonly ignored: ReadonlySet<string>;
}

const leastOf = (counts: Map<string, number>, minDomains: number): number =>
  counts.size < minDomains ? 0 : Math.min(...counts.values(), Infinity);

/** Even spreading over topology domains: DoNotSchedule filters, ScheduleAnyway scores. */
export function createPodTopologySpread(defaultSelector: DefaultSelector): Plugin {
  const soft = (pod: PodInfo): { constraints: Constraint[]; requireAll: boolean } => {
    if (pod.pod.spec?.topologySpreadConstraints?.length)
      return { constraints: own(pod, "ScheduleAnyway"), requireAll: true };
    const selector = defaultSelector(pod);
    if (!selector) return { constraints: [], requireAll: false };
    const base = { selector, minDomains: 1, honorAffinity: true, honorTaints: false };
    // Upstream's built-in default constraints.
    return {
      constraints: [
        { ...base, key: hostname, maxSkew: 3 },
        { ...base, key: zone, maxSkew: 5 },
      ],
      requireAll: false,
    };
  };

  return {
    name,
    weight: 2,
    preFilter(pod, cluster: Cluster, state) {
      const constraints = own(pod, "DoNotSchedule");
      if (constraints.length === 0) return undefined;
      const keys = constraints.map((c) => c.key);
      const hard: Hard = {
        constraints: constraints.map((constraint) => ({
          constraint,
          counts: countDomains(pod, cluster.nodes, constraint, keys),
          selfMatch: constraint.selector.matches(pod.labels) ? 1 : 0,
        })),
      };
      state.set(name, hard);
      return undefined;
    },
    simulate(pod, other, node, by, state) {
      for (const { constraint, counts } of state.get<Hard>(name)?.constraints ?? []) {
        const domain = node.node?.metadata.labels?.[constraint.key];
        if (
          domain === undefined ||
          other.namespace !== pod.namespace ||
          // One that ends was never counted.
          other.pod.metadata.deletionTimestamp !== undefined ||
          !constraint.selector.matches(other.labels) ||
          !counts.has(domain)
        )
          continue;
        counts.set(domain, (counts.get(domain) ?? 0) + by);
      }
    },
    filter(_pod, node, state: CycleState) {
      for (const { constraint, counts, selfMatch } of state.get<Hard>(name)?.constraints ?? []) {
        const domain = node.node?.metadata.labels?.[constraint.key];
        if (domain === undefined)
          return unresolvable(
            "node(s) didn't match pod topology spread constraints (missing required label)",
          );
        const skew = (counts.get(domain) ?? 0) + selfMatch - leastOf(counts, constraint.minDomains);
        if (skew > constraint.maxSkew) return unfit("node(s) didn't match pod topology spread constraints");
      }
      return undefined;
    },
    preScore(pod, nodes, cluster, state) {
      const { constraints, requireAll } = soft(pod);
      if (constraints.length === 0) return false;
      const keys = requireAll ? constraints.map((c) => c.key) : [];
      const ignored = new Set(
        nodes
          .filter((n) => keys.some((key) => n.node?.metadata.labels?.[key] === undefined))
          .map((n) => n.name),
      );
      const scored = constraints.map((constraint) => {
        const counts = countDomains(pod, cluster.nodes, constraint, keys);
        // A constraint over few domains weighs less than one over many: log(size + 2).
        const domains =
          constraint.key === hostname
            ? nodes.length - ignored.size
            : new Set(
                nodes.map((n) => n.node?.metadata.labels?.[constraint.key]).filter((d) => d !== undefined),
              ).size;
        return { constraint, counts, weight: Math.log(domains + 2) };
      });
      state.set(`${name}/score`, { constraints: scored, ignored } satisfies Soft);
      return true;
    },
    score(_pod, node, state) {
      const soft = state.get<Soft>(`${name}/score`);
      if (!soft || soft.ignored.has(node.name)) return 0;
      let total = 0;
      for (const { constraint, counts, weight } of soft.constraints) {
        const domain = node.node?.metadata.labels?.[constraint.key];
        if (domain !== undefined) total += (counts.get(domain) ?? 0) * weight + (constraint.maxSkew - 1);
      }
      return Math.round(total);
    },
    normalize(scores, state, nodes) {
      const ignored = state.get<Soft>(`${name}/score`)?.ignored ?? new Set<string>();
      const valid = scores.filter((_, i) => !ignored.has(nodes[i]?.name ?? ""));
      const high = Math.max(...valid);
      const low = Math.min(...valid);
      for (const [i, score] of scores.entries()) {
        if (ignored.has(nodes[i]?.name ?? "")) scores[i] = 0;
        else scores[i] = high === 0 ? 100 : Math.trunc((100 * (high + low - score)) / high);
      }
    },
    helps: (event) =>
      event.kind === "node-added" ||
      event.kind === "pod-added" ||
      event.kind === "pod-deleted" ||
      event.kind === "pod-relabelled" ||
      (event.kind === "node-changed" && (event.changed.has("labels") || event.changed.has("taints"))),
  };
}
