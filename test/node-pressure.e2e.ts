import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { docker, eventually, getJson, kubectl } from "./support/run.ts";
import { removeSpareNode, startSpareNode, type SpareNode } from "./support/spare-node.ts";

const ns = useNamespace("node-pressure");
const { apply, pod, ready, phase, events } = podsIn(ns);
const name = "tight";
let node: SpareNode;

const manifest = (pods: Readonly<Record<string, string>>): string =>
  Object.entries(pods)
    .map(
      ([podName, spec]) => `---
apiVersion: v1
kind: Pod
metadata: { name: ${podName} }
spec:
  nodeSelector: { kubernetes.io/hostname: ${name} }
  terminationGracePeriodSeconds: 2
  ${spec}
`,
    )
    .join("");
const idle = (more = ""): string =>
  `containers: [{ name: main, image: ${busybox}, command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1; done"]${more} }]`;
const condition = async (type: string) =>
  (await getJson<Node>("node", name)).status?.conditions?.find((c) => c.type === type);
const taints = async (): Promise<(string | undefined)[]> =>
  ((await getJson<Node>("node", name)).spec?.taints ?? []).map((t) => `${t.key}:${t.effect}`);
const shown = (type: string, status: string) =>
  eventually(`${type} is ${status}`, async () => {
    const now = await condition(type);
    return now?.status === status ? now : undefined;
  });

// The signals of a shared machine are no test's to move: this node has a disk and a part of the memory of its own.
beforeAll(async () => {
  node = await startSpareNode(name, {
    diskMiB: 32,
    settings: {
      CORACLE_NODE_MEMORY: "768Mi",
      CORACLE_NODE_PIDS: "300",
      CORACLE_EVICTION_HARD: "memory.available<256Mi,nodefs.available<40%,pid.available<100",
      CORACLE_EVICTION_PRESSURE_TRANSITION_PERIOD: "6s",
      CORACLE_GRACEFUL_SHUTDOWN: "40,20",
    },
  });
}, 120_000);
afterAll(() => removeSpareNode(node), 60_000);

test("what the thresholds keep free is not allocatable", async () => {
  const { capacity, allocatable } = (await getJson<Node>("node", name)).status ?? {};
  expect(capacity).toMatchObject({ memory: "768Mi", "ephemeral-storage": "32Mi" });
  expect(allocatable).toMatchObject({ memory: "512Mi", "ephemeral-storage": "20132660" });
});

test("a node that is short of memory evicts who uses more than it asked for, and recovers", async () => {
  await apply(
    manifest({
      modest: idle(", resources: { requests: { memory: 64Mi } }"),
      // dd holds its one block in memory, and cannot get rid of it.
      hog: `containers: [{ name: main, image: ${busybox}, command: [sh, -c, "dd if=/dev/zero bs=500M count=1 | sleep 3600"], resources: { requests: { memory: 16Mi } } }]`,
    }),
  );
  expect(await shown("MemoryPressure", "True")).toMatchObject({
    reason: "KubeletHasInsufficientMemory",
    message: "kubelet has insufficient memory available",
  });
  const { status } = await phase("hog", "Failed");
  expect(status?.reason).toBe("Evicted");
  expect(status?.message).toMatch(
    /^The node was low on resource: memory\. Threshold quantity: 256Mi, available: \d+[KM]i\. Container main was using \d+[KM]i, request is 16Mi, has larger consumption of memory\. $/,
  );
  expect(status?.conditions?.find((c) => c.type === "DisruptionTarget")).toMatchObject({
    status: "True",
    reason: "TerminationByKubelet",
    observedGeneration: 1,
  });
  expect(await events("hog")).toContain("Evicted: The node was low on resource: memory.");
  await shown("MemoryPressure", "False");
  expect((await pod("modest")).status?.phase).toBe("Running");
}, 120_000);

test("a node that is short of processes evicts who has most of them, and recovers", async () => {
  const many = (count: number): string =>
    `containers: [{ name: main, image: ${busybox}, command: [sh, -c, "i=0; while [ $i -lt ${count} ]; do sleep 3600 & i=$((i+1)); done; wait"] }]`;
  await apply(manifest({ some: many(20), swarm: many(220) }));
  expect(await shown("PIDPressure", "True")).toMatchObject({
    reason: "KubeletHasInsufficientPID",
    message: "kubelet has insufficient PID available",
  });
  const { status } = await phase("swarm", "Failed");
  expect(status?.reason).toBe("Evicted");
  expect(status?.message).toMatch(
    /^The node was low on resource: pids\. Threshold quantity: 100, available: \d+\. $/,
  );
  await eventually("the node is tainted", async () =>
    (await taints()).includes("node.kubernetes.io/pid-pressure:NoSchedule"),
  );
  await shown("PIDPressure", "False");
  await eventually("the taint is gone", async () => (await taints()).length === 0);
  expect((await pod("some")).status?.phase).toBe("Running");
  expect((await pod("modest")).status?.phase).toBe("Running");
  await kubectl("delete", "pod", "-n", ns, "some", "--grace-period=1");
}, 120_000);

test("a node whose disk is full takes no pods until there is room again", async () => {
  await docker("exec", node.container, "dd", "if=/dev/zero", `of=${node.data}/fill`, "bs=1M", "count=24");
  expect(await shown("DiskPressure", "True")).toMatchObject({ reason: "KubeletHasDiskPressure" });
  const evicted = await phase("modest", "Failed");
  expect(evicted.status?.reason).toBe("Evicted");
  expect(evicted.status?.message).toMatch(
    /^The node was low on resource: ephemeral-storage\. Threshold quantity: /,
  );
  await eventually("the node is tainted", async () =>
    (await taints()).includes("node.kubernetes.io/disk-pressure:NoSchedule"),
  );
  await apply(
    manifest({ later: idle(), critical: `priorityClassName: system-cluster-critical\n  ${idle()}` }),
  );
  await eventually("the scheduler says why", async () =>
    (await events("later")).includes("untolerated taint"),
  );
  await docker("exec", node.container, "rm", `${node.data}/fill`);
  await shown("DiskPressure", "False");
  await ready("later", "critical");
  expect(await taints()).toEqual([]);
}, 120_000);

test("a node that is shut down gracefully ends its pods, the critical ones last", async () => {
  const stopped = docker("stop", "--time", "60", node.container);
  const going = await eventually("the node is not ready", async () => {
    const now = await condition("Ready");
    return now?.status === "False" ? now : undefined;
  });
  expect(going).toMatchObject({ reason: "KubeletNotReady", message: "node is shutting down" });
  await stopped;
  const ends = await Promise.all(
    ["later", "critical"].map(async (podName) => {
      const { status } = await phase(podName, "Failed");
      expect(status?.reason).toBe("Terminated");
      expect(status?.message).toBe("Pod was terminated in response to imminent node shutdown.");
      return Date.parse(status?.containerStatuses?.[0]?.state?.terminated?.finishedAt ?? "");
    }),
  );
  expect(ends[0]).toBeLessThanOrEqual(ends[1] ?? 0);
}, 120_000);
