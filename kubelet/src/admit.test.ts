import type { Node, Pod, PodSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { expect, test } from "vitest";
import { refusePod } from "./admit.ts";

const node: Node = {
  metadata: { name: "n", labels: { "kubernetes.io/os": "linux", disk: "ssd" } },
  spec: { taints: [{ key: "away", effect: "NoExecute" }] },
  status: { allocatable: { cpu: "2", memory: "1Gi", pods: "3" } },
};
const pod = (spec: Partial<PodSpec>, phase = "Pending"): Pod => ({
  metadata: { name: "p" },
  spec: { containers: [{ name: "c" }], tolerations: [{ operator: "Exists" }], ...spec },
  status: { phase },
});
const asking = (cpu: string): Partial<PodSpec> => ({
  containers: [{ name: "c", resources: { requests: { cpu } } }],
});
const withPort = (hostPort: number, hostIP?: string, protocol = "TCP"): Partial<PodSpec> => ({
  containers: [{ name: "c", ports: [{ containerPort: 80, hostPort, hostIP, protocol }] }],
});

test("a pod that fits is taken", () => {
  expect(refusePod(pod(asking("1")), node, [pod(asking("1"))])).toBeUndefined();
  expect(refusePod(pod({ nodeSelector: { disk: "ssd" } }), node, [])).toBeUndefined();
});

test.each([
  ["OutOfcpu", asking("1500m"), [pod(asking("1"))]],
  ["OutOfpods", {}, [pod({}), pod({}), pod({})]],
  ["NodeAffinity", { nodeSelector: { disk: "hdd" } }, []],
  ["NodePorts", withPort(80), [pod(withPort(80))]],
  ["NodePorts", withPort(80, "10.0.0.1"), [pod(withPort(80))]],
  ["TaintToleration", { tolerations: [] }, []],
  ["PodOSNotSupported", { os: { name: "windows" } }, []],
  ["PodOSSelectorNodeLabelDoesNotMatch", { nodeSelector: { "kubernetes.io/os": "windows" } }, []],
  ["OutOfcpu", { ...asking("3"), nodeSelector: { disk: "hdd" } }, []],
])("%s", (reason, spec, others) => expect(refusePod(pod(spec), node, others)?.reason).toBe(reason));

test("the message says what is short", () =>
  expect(refusePod(pod(asking("1500m")), node, [pod(asking("1"))])?.message).toBe(
    "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  ));

test("ports of other protocols, addresses and of ended pods are free", () => {
  const others = [
    pod(withPort(80, "10.0.0.1")),
    pod(withPort(80, undefined, "UDP")),
    pod(withPort(80), "Failed"),
  ];
  expect(refusePod(pod(withPort(80, "10.0.0.2")), node, others)).toBeUndefined();
});
