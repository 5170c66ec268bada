import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import type { ColumnDeclaration } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn, none, orNone, wide } from "../shared/columns.ts";
import { compare } from "../shared/selector.ts";

export const nodeColumns: readonly ColumnDeclaration<Node>[] = [
  nameColumn,
  column("Status", statusCell),
  column("Roles", (node) => orNone(rolesOf(node).join(","))),
  ageColumn,
  column("Version", (node) => node.status?.nodeInfo?.kubeletVersion ?? ""),
  wide(column("Internal-IP", (node) => addressOf(node, "InternalIP"))),
  wide(column("External-IP", (node) => addressOf(node, "ExternalIP"))),
  wide(column("OS-Image", (node) => known(node.status?.nodeInfo?.osImage))),
  wide(column("Kernel-Version", (node) => known(node.status?.nodeInfo?.kernelVersion))),
  wide(column("Container-Runtime", (node) => known(node.status?.nodeInfo?.containerRuntimeVersion))),
];

const known = (text: string | undefined): string => text || "<unknown>";
const addressOf = (node: Node, type: string): string =>
  node.status?.addresses?.find((a) => a.type === type)?.address ?? none;

function statusCell(node: Node): string {
  const ready = node.status?.conditions?.find((c) => c.type === "Ready");
  const word = !ready ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return node.spec?.unschedulable ? `${word},SchedulingDisabled` : word;
}

const rolePrefix = "node-role.kubernetes.io/";

function rolesOf(node: Node): string[] {
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) return [key.slice(rolePrefix.length)];
    return key === "kubernetes.io/role" && value ? [value] : [];
  });
  return [...new Set(roles)].toSorted(compare);
}
