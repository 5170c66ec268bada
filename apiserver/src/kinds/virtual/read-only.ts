import type { NodeMetrics, PodMetrics } from "@coracle/shared/api/generated/metrics-v1beta1.ts";
import { addQuantities, formatQuantity, parseQuantity, zeroQuantity } from "@coracle/shared/meta/quantity.ts";
import { defineKind } from "../../registry/kind.ts";
import { column, nameColumn } from "../shared/columns.ts";
import { canonical } from "../shared/quantity.ts";

/** Figures that the kubelets have now; read-only, never stored. */
const figures = { group: "metrics.k8s.io", versions: ["v1beta1"], verbs: ["get", "list"] } as const;

export const nodeMetrics = defineKind<NodeMetrics>({
  ...figures,
  kind: "NodeMetrics",
  plural: "nodes",
  namespaced: false,
  columns: [
    nameColumn,
    column("CPU", (metrics) => canonical(metrics.usage?.["cpu"] ?? "0")),
    column("Memory", (metrics) => canonical(metrics.usage?.["memory"] ?? "0")),
    column("Window", (metrics) => metrics.window ?? ""),
  ],
});

/** Of all containers. */
const total = ({ containers }: PodMetrics, resource: string): string =>
  formatQuantity(
    (containers ?? [])
      .map(({ usage }) => parseQuantity(usage?.[resource] ?? "0"))
      .reduce(addQuantities, zeroQuantity),
  );

export const podMetrics = defineKind<PodMetrics>({
  ...figures,
  kind: "PodMetrics",
  plural: "pods",
  namespaced: true,
  columns: [
    nameColumn,
    column("CPU", (metrics) => total(metrics, "cpu")),
    column("Memory", (metrics) => total(metrics, "memory")),
    column("Window", (metrics) => metrics.window ?? ""),
  ],
});
