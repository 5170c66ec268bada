import { expect, test } from "vitest";
import type { Node, Pod } from "../api/generated/core-v1.ts";
import { nodeTermMatches, podAllowsNode } from "./node-affinity.ts";
import { tolerates, untoleratedTaint } from "./taints.ts";

const node = (name: string, labels: Record<string, string> = {}): Node => ({ metadata: { name, labels } });
const podWith = (spec: Partial<Pod["spec"] & object>): Pod => ({
  metadata: { name: "p" },
  spec: { containers: [], ...spec },
});

test("nodeSelector wants every label", () => {
  const pod = podWith({ nodeSelector: { disk: "ssd", zone: "a" } });
  expect(podAllowsNode(pod, node("n", { disk: "ssd", zone: "a" }))).toBe(true);
  expect(podAllowsNode(pod, node("n", { disk: "ssd" }))).toBe(false);
});

test("an empty term matches nothing, terms are alternatives", () => {
  expect(nodeTermMatches({}, node("n"))).toBe(false);
  const pod = podWith({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{}, { matchFields: [{ key: "metadata.name", operator: "In", values: ["b"] }] }],
        },
      },
    },
  });
  expect(podAllowsNode(pod, node("a"))).toBe(false);
  expect(podAllowsNode(pod, node("b"))).toBe(true);
});

test.each([
  ["Gt", "10", "11", true],
  ["Gt", "10", "10", false],
  ["Lt", "10", "9", true],
  ["Gt", "10", "many", false],
] as const)("%s %s of %s is %s", (operator, bound, value, expected) => {
  const term = { matchExpressions: [{ key: "cores", operator, values: [bound] }] };
  expect(nodeTermMatches(term, node("n", { cores: value }))).toBe(expected);
});

test("tolerations match by key, value and effect; an empty key with Exists tolerates all", () => {
  const taint = { key: "a", value: "1", effect: "NoSchedule" };
  expect(tolerates({ operator: "Exists" }, taint)).toBe(true);
  expect(tolerates({ key: "a", value: "1" }, taint)).toBe(true);
  expect(tolerates({ key: "a", value: "2" }, taint)).toBe(false);
  expect(tolerates({ key: "a", operator: "Exists", effect: "NoExecute" }, taint)).toBe(false);
  expect(untoleratedTaint([taint], [], ["NoExecute"])).toBeUndefined();
  expect(untoleratedTaint([taint], [], ["NoSchedule"])).toBe(taint);
});
