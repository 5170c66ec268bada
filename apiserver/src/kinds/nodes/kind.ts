import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { roundUp } from "../shared/pod/defaults.ts";
import { nodeColumns } from "./columns.ts";
import { validateNode, validateNodeUpdate } from "./validate.ts";

export const nodes = defineKind<Node>({
  kind: "Node",
  shortNames: ["no"],
  namespaced: false,
  status: true,
  statusOnCreate: true,
  setDefaults: (node) => {
    const { spec, status } = node;
    // One range, under its old name and in the list.
    if (spec?.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
    if (spec?.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    if (!status) return;
    if (!status.allocatable && status.capacity) status.allocatable = { ...status.capacity };
    roundUp(status.capacity);
    roundUp(status.allocatable);
  },
  prepareForCreate: (node, ctx) => {
    node.spec ??= {};
    stampTaints(node, undefined, ctx.now());
  },
  prepareForUpdate: (node, old, ctx) => {
    node.spec ??= {};
    stampTaints(node, old, ctx.now());
  },
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  validateStatusUpdate: validateNodeUpdate,
  selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable ?? false) },
  columns: nodeColumns,
  subresources: ["proxy"],
});

/** A NoExecute taint carries the time since which it holds. */
function stampTaints(node: Node, old: Node | undefined, now: Date): void {
  for (const taint of node.spec?.taints ?? []) {
    if (taint.effect !== "NoExecute" || taint.timeAdded) continue;
    const before = old?.spec?.taints?.find((t) => t.key === taint.key && t.effect === taint.effect);
    taint.timeAdded = before?.timeAdded ?? now.toISOString().replace(/\.\d+Z$/, "Z");
  }
}
