import type { NodeMetrics, PodMetrics } from "@coracle/shared/api/generated/metrics-v1beta1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { ageColumn, column, nameColumn } from "../../kinds/shared/columns.ts";
import { defineKind } from "../kind.ts";
import type { Call, Registry } from "../registry.ts";
import { nodeStats, type PodStats, type Usage } from "./node-stats.ts";
import type { VirtualKind } from "./virtual-kind.ts";

const group = "metrics.k8s.io";
const versions = ["v1beta1"];
const verbs = ["get", "list"];
const window = "10s";

const nodeKind = defineKind<NodeMetrics>({
  group,
  versions,
  kind: "NodeMetrics",
  plural: "nodes",
  namespaced: false,
  verbs,
  columns: [
    nameColumn,
    column("cpu", (m) => m.usage["cpu"] ?? ""),
    column("memory", (m) => m.usage["memory"] ?? ""),
    column("window", (m) => m.window),
  ],
});
const podKind = defineKind<PodMetrics>({
  group,
  versions,
  kind: "PodMetrics",
  plural: "pods",
  namespaced: true,
  verbs,
  columns: [nameColumn, column("window", (m) => m.window), ageColumn],
});

/** Quantities as a metrics server writes them: nanocores and kibibytes. */
const usageOf = ({ cpu, memory }: Usage): Record<string, string> => ({
  cpu: `${Math.round(cpu?.usageNanoCores ?? 0)}n`,
  memory: `${Math.round((memory?.workingSetBytes ?? 0) / 1024)}Ki`,
});

function opener(registry: Registry) {
  if (!registry.openNode) throw serviceUnavailable("this server has no connection to the nodes");
  return registry.openNode;
}

/** Of the node that is asked for, or of all. */
async function ofNodes(registry: Registry, { info }: Call): Promise<KubeObject[]> {
  const open = opener(registry);
  const nodes = [...registry.cache.all("nodes")].filter((n) => !info.name || n.key.name === info.name);
  const found = await Promise.all(
    nodes.map(async ({ key, object }): Promise<NodeMetrics[]> => {
      const summary = await nodeStats(open, key.name);
      if (!summary?.node.cpu) return [];
      const { labels } = object.metadata;
      const metadata = {
        name: key.name,
        ...(labels ? { labels } : {}),
        creationTimestamp: nowText(registry),
      };
      const usage = usageOf(summary.node);
      return [
        {
          kind: "NodeMetrics",
          apiVersion: `${group}/v1beta1`,
          metadata,
          timestamp: summary.node.cpu.time,
          window,
          usage,
        },
      ];
    }),
  );
  return found.flat() as KubeObject[];
}

/** Of the pods in a namespace: only the nodes that run some are asked. */
async function ofPods(registry: Registry, { info }: Call): Promise<KubeObject[]> {
  const open = opener(registry);
  const { items } = registry.cache.list("pods", { namespace: info.namespace });
  const pods = items
    .map((item) => item.object as Pod)
    .filter((p) => !info.name || p.metadata.name === info.name);
  const byNode = Map.groupBy(pods, (pod) => pod.spec?.nodeName ?? "");
  const found = await Promise.all(
    [...byNode].map(async ([node, here]) => {
      const summary = node ? await nodeStats(open, node) : undefined;
      const stats = new Map((summary?.pods ?? []).map((p) => [p.podRef.uid, p]));
      return here.flatMap((pod) => describePod(registry, pod, stats.get(pod.metadata.uid ?? "")));
    }),
  );
  return found.flat() as KubeObject[];
}

function describePod(registry: Registry, pod: Pod, stats: PodStats | undefined): PodMetrics[] {
  const [first] = stats?.containers ?? [];
  if (!stats?.containers || !first?.cpu) return [];
  const { name, namespace, labels } = pod.metadata;
  return [
    {
      kind: "PodMetrics",
      apiVersion: `${group}/v1beta1`,
      metadata: { name, namespace, ...(labels ? { labels } : {}), creationTimestamp: nowText(registry) },
      timestamp: first.cpu.time,
      window,
      containers: stats.containers.map((c) => ({ name: c.name, usage: usageOf(c) })),
    },
  ];
}

const nowText = (registry: Registry): string => `${registry.now().toISOString().slice(0, 19)}Z`;

export const metrics: readonly VirtualKind[] = [
  { kind: nodeKind, objects: ofNodes },
  { kind: podKind, objects: ofPods },
];
