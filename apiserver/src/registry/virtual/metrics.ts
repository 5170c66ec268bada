import type { NodeMetrics, PodMetrics } from "@coracle/shared/api/generated/metrics-v1beta1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { nodeMetrics, podMetrics } from "../../kinds/virtual/read-only.ts";
import type { Call, Registry } from "../registry.ts";
import { nodeStats, type PodStats, type StatsSummary, type Usage } from "./node-stats.ts";
import type { VirtualKind } from "./virtual-kind.ts";

const apiVersion = "metrics.k8s.io/v1beta1";

/** Over how long the speeds were measured, as a Duration. */
const windowOf = ({ windowMs = 10_000 }: StatsSummary): string =>
  windowMs < 1_000 ? `${Math.round(windowMs)}ms` : `${Math.round(windowMs) / 1_000}s`;

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
      if (summary?.node.cpu?.usageNanoCores === undefined) return [];
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
          apiVersion,
          metadata,
          timestamp: summary.node.cpu.time,
          window: windowOf(summary),
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
      if (!summary) return [];
      const stats = new Map((summary.pods ?? []).map((p) => [p.podRef.uid, p]));
      const window = windowOf(summary);
      return here.flatMap((pod) => {
        const its = stats.get(statsUid(pod));
        return its ? describePod(registry, pod, its, window) : [];
      });
    }),
  );
  return found.flat() as KubeObject[];
}

/** A kubelet knows a static pod by the hash of its manifest. */
const statsUid = ({ metadata }: Pod): string =>
  metadata.annotations?.["kubernetes.io/config.mirror"] ?? metadata.uid ?? "";

function describePod(registry: Registry, pod: Pod, stats: PodStats, window: string): PodMetrics[] {
  const measured = (stats.containers ?? []).filter((c) => c.cpu?.usageNanoCores !== undefined);
  const [first] = measured;
  if (!first?.cpu) return [];
  const { name, namespace, labels } = pod.metadata;
  return [
    {
      kind: "PodMetrics",
      apiVersion,
      metadata: { name, namespace, ...(labels ? { labels } : {}), creationTimestamp: nowText(registry) },
      timestamp: first.cpu.time,
      window,
      containers: measured.map((c) => ({ name: c.name, usage: usageOf(c) })),
    },
  ];
}

const nowText = (registry: Registry): string => `${registry.now().toISOString().slice(0, 19)}Z`;

export const metrics: readonly VirtualKind[] = [
  { kind: nodeMetrics, objects: ofNodes },
  { kind: podMetrics, objects: ofPods },
];
