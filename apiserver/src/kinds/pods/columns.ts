import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { ColumnDeclaration } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn, none, orNone, wide } from "../shared/columns.ts";
import { podSummary } from "./summary.ts";

/** READY counts, STATUS and RESTARTS are derived from the container states; see summary.ts. */
export const podColumns: readonly ColumnDeclaration<Pod>[] = [
  nameColumn,
  column("Ready", (pod) => podSummary(pod).ready),
  column("Status", (pod) => podSummary(pod).status),
  column("Restarts", (pod, now) => podSummary(pod, now).restarts),
  ageColumn,
  wide(column("IP", (pod) => orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP))),
  wide(column("Node", (pod) => orNone(pod.spec?.nodeName))),
  wide(column("Nominated Node", (pod) => orNone(pod.status?.nominatedNodeName))),
  wide(column("Readiness Gates", readinessGates)),
];

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return none;
  const met = gates.filter((gate) =>
    pod.status?.conditions?.some((c) => c.type === gate.conditionType && c.status === "True"),
  );
  return `${met.length}/${gates.length}`;
}
