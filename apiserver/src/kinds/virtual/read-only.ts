import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import type { NodeMetrics, PodMetrics } from "@coracle/shared/api/generated/metrics-v1beta1.ts";
import { addQuantities, formatQuantity, parseQuantity, zeroQuantity } from "@coracle/shared/meta/quantity.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
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

/** The groups that are served, and by whom; read-only until API servers can be added. */
export const apiServices = defineKind<APIService>({
  group: "apiregistration.k8s.io",
  kind: "APIService",
  categories: ["api-extensions"],
  namespaced: false,
  verbs: ["get", "list", "watch"],
  columns: [
    nameColumn,
    column("Service", ({ spec }) =>
      spec?.service ? `${spec.service.namespace}/${spec.service.name}` : "Local",
    ),
    column("Available", ({ status }) => {
      const available = status?.conditions?.find((c) => c.type === "Available");
      return !available
        ? "Unknown"
        : available.status === "True"
          ? "True"
          : `${available.status} (${available.reason})`;
    }),
    ageColumn,
  ],
});
