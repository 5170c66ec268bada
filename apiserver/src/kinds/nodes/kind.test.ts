import { expect, test } from "vitest";
import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { nodes } from "./kind.ts";

test("what a kubelet registers with is kept and completed", () => {
  const node = created(nodes, {
    spec: { podCIDR: "10.244.1.0/24", taints: [{ key: "a", effect: "NoExecute" }] },
    status: { capacity: { cpu: "2", memory: "2048Mi" } },
  });
  expect(node).toMatchObject({
    spec: { podCIDRs: ["10.244.1.0/24"], taints: [{ timeAdded: "2026-11-23T12:00:00Z" }] },
    status: { capacity: { memory: "2Gi" }, allocatable: { cpu: "2", memory: "2Gi" } },
  });
});

test("taints are well formed and unique", () => {
  const taint = { key: "a", effect: "NoSchedule" };
  expect(refusals(nodes, { spec: { taints: [taint, taint, { key: "b", effect: "Maybe" }] } })).toEqual([
    'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}: taints must be unique by key and effect pair',
    'metadata.taints[2].effect: Unsupported value: "Maybe": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
  ]);
});

test("its range and provider are given once", () => {
  const before = { spec: { podCIDR: "10.244.1.0/24", providerID: "coracle://node-1" } };
  const change = (node: Node): void => {
    node.spec = { podCIDR: "10.244.2.0/24", providerID: "other" };
  };
  expect(updateRefusals(nodes, before, change as never)).toEqual([
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
  ]);
  expect(updateRefusals(nodes, {}, change as never)).toEqual([]);
});

test("a line", () => {
  expect(columnNames(nodes)).toBe(
    "NAME STATUS ROLES AGE VERSION (INTERNAL-IP) (EXTERNAL-IP) (OS-IMAGE) (KERNEL-VERSION) (CONTAINER-RUNTIME)",
  );
  const body = {
    metadata: { labels: { "node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge" } },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: "Ready", status: "False" }],
      addresses: [{ type: "InternalIP", address: "172.30.0.5" }],
      nodeInfo: { kubeletVersion: "v1.36.0", osImage: "Coracle" },
    },
  };
  expect(row(nodes, body)).toEqual({
    NAME: "web",
    STATUS: "NotReady,SchedulingDisabled",
    ROLES: "edge,worker",
    AGE: "60m",
    VERSION: "v1.36.0",
    "INTERNAL-IP": "172.30.0.5",
    "EXTERNAL-IP": "<none>",
    "OS-IMAGE": "Coracle",
    "KERNEL-VERSION": "<unknown>",
    "CONTAINER-RUNTIME": "<unknown>",
  });
  expect(row(nodes, {})).toMatchObject({ STATUS: "Unknown", ROLES: "<none>" });
});
