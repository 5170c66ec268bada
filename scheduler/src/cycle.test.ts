import type { Pod, PodSpec } from "@coracle/shared/api/generated/core-v1.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { createCycle, enoughNodes, isPlaced, refusalMessage, type Refused } from "./cycle.ts";
import { podInfo } from "./pod-info.ts";
import { findPreemption } from "./preemption.ts";
import { clusterOf, makeNode, makePod, noVolumes, testProfile } from "./testing.ts";

const plugins = testProfile();
const place = (cluster: Cluster, pod: Pod, random = () => 0): string => {
  const result = createCycle(plugins, cluster, random)(podInfo(pod));
  if (!isPlaced(result)) return refusalMessage(result);
  cluster.assume(podInfo(pod), result.node.name);
  return result.node.name;
};
const refused = (cluster: Cluster, pod: Pod): Refused => {
  const result = createCycle(plugins, cluster)(podInfo(pod));
  if (isPlaced(result)) throw new Error(`placed on ${result.node.name}`);
  return result;
};

describe("filters", () => {
  test("the message counts the reasons of all nodes", () => {
    const cluster = clusterOf(
      makeNode("a"),
      makeNode("b"),
      makeNode("c", {}, { spec: { unschedulable: true } }),
    );
    expect(place(cluster, makePod("p", { cpu: "3" }))).toBe(
      "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.",
    );
  });
  test("a cluster without nodes says so", () => {
    expect(place(clusterOf(), makePod("p"))).toBe("no nodes available to schedule pods");
  });
  test.each([
    ["nodeSelector", { nodeSelector: { disk: "ssd" } }, "node(s) didn't match Pod's node affinity/selector"],
    ["an unknown node", { nodeName: "z" }, "node(s) didn't match the requested node name"],
  ] as [string, Partial<PodSpec>, string][])("%s that nothing matches", (_, spec, reason) => {
    expect(place(clusterOf(makeNode("a")), makePod("p", { spec }))).toBe(
      `0/1 nodes are available: 1 ${reason}.`,
    );
  });
  test("a taint is tolerated or keeps the pod away", () => {
    const cluster = clusterOf(
      makeNode("a", {}, { spec: { taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] } }),
    );
    expect(place(cluster, makePod("p"))).toContain("1 node(s) had untolerated taint(s)");
    expect(
      place(cluster, makePod("q", { spec: { tolerations: [{ key: "gpu", operator: "Exists" }] } })),
    ).toBe("a");
  });
  test("a host port is given once a node", () => {
    const spec = { containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, hostPort: 8080 }] }] };
    const cluster = clusterOf(makeNode("a"), makeNode("b"));
    expect(
      [place(cluster, makePod("p", { spec })), place(cluster, makePod("q", { spec }))].toSorted(),
    ).toEqual(["a", "b"]);
    expect(place(cluster, makePod("r", { spec }))).toContain(
      "2 node(s) didn't have free ports for the requested pod ports",
    );
  });
  test("too many pods", () => {
    const cluster = clusterOf(makeNode("a", { pods: "1" }));
    place(cluster, makePod("p"));
    expect(place(cluster, makePod("q"))).toContain("1 Too many pods");
  });
  test("a DaemonSet's pod goes to the node its affinity names", () => {
    const term = { matchFields: [{ key: "metadata.name", operator: "In", values: ["b"] }] };
    const spec = {
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
      },
    };
    expect(place(clusterOf(makeNode("a"), makeNode("b")), makePod("p", { spec }))).toBe("b");
  });
  test("a claim that is not there keeps the pod waiting", () => {
    const spec = { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] };
    expect(place(clusterOf(makeNode("a")), makePod("p", { spec }))).toBe(
      '0/1 nodes are available: persistentvolumeclaim "data" not found.',
    );
  });
});

describe("pod affinity", () => {
  const near = (topologyKey: string, app: string) => ({
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey, labelSelector: { matchLabels: { app } } },
    ],
  });
  test("anti-affinity keeps pods apart, in both directions", () => {
    const cluster = clusterOf(makeNode("a"), makeNode("b"));
    const spec = { affinity: { podAntiAffinity: near("kubernetes.io/hostname", "web") } };
    expect(
      new Set([
        place(cluster, makePod("p", { labels: { app: "web" }, spec })),
        place(cluster, makePod("q", { labels: { app: "web" }, spec })),
      ]).size,
    ).toBe(2);
    expect(place(cluster, makePod("r", { labels: { app: "web" }, spec }))).toContain(
      "2 node(s) didn't match pod anti-affinity rules",
    );
    expect(place(cluster, makePod("s", { labels: { app: "web" } }))).toContain(
      "2 node(s) didn't satisfy existing pods anti-affinity rules",
    );
  });
  test("affinity brings pods together; the first of a group may start anywhere", () => {
    const cluster = clusterOf(makeNode("a"), makeNode("b"), makeNode("c"));
    const spec = { affinity: { podAffinity: near("kubernetes.io/hostname", "db") } };
    const first = place(cluster, makePod("p", { labels: { app: "db" }, spec }));
    expect(place(cluster, makePod("q", { labels: { app: "db" }, spec }))).toBe(first);
    expect(place(cluster, makePod("r", { labels: { app: "x" }, namespace: "other", spec }))).toContain(
      "3 node(s) didn't match pod affinity rules",
    );
  });
});

describe("spreading", () => {
  const spec = (maxSkew: number): Partial<PodSpec> => ({
    topologySpreadConstraints: [
      {
        maxSkew,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: { matchLabels: { app: "web" } },
      },
    ],
  });
  test("a hard constraint keeps the skew", () => {
    const cluster = clusterOf(makeNode("a"), makeNode("b"), makeNode("c"));
    const counts = new Map<string, number>();
    for (let i = 0; i < 7; i++) {
      const node = place(cluster, makePod(`p${i}`, { labels: { app: "web" }, spec: spec(1) }), Math.random);
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    expect([...counts.values()].toSorted((a, b) => a - b)).toEqual([2, 2, 3]);
  });
  test("without constraints equal pods still spread by what they use", () => {
    const cluster = clusterOf(makeNode("a"), makeNode("b"), makeNode("c"));
    const nodes = Array.from({ length: 6 }, (_, i) =>
      place(cluster, makePod(`p${i}`, { cpu: "100m", memory: "64Mi" })),
    );
    expect([...Map.groupBy(nodes, (n) => n).values()].map((g) => g.length)).toEqual([2, 2, 2]);
  });
});

test("large clusters look at a falling share of their nodes", () => {
  expect([3, 100, 1000, 5000, 10_000].map(enoughNodes)).toEqual([3, 100, 420, 500, 500]);
});

test("whatever is placed, no node is ever promised more than it has", () => {
  const amount = fc.integer({ min: 0, max: 1500 });
  fc.assert(
    fc.property(
      fc.array(amount, { minLength: 1, maxLength: 4 }),
      fc.array(fc.record({ cpu: amount, gone: fc.boolean() }), { maxLength: 40 }),
      (sizes, requests) => {
        const cluster = clusterOf(
          ...sizes.map((size, i) => makeNode(`n${i}`, { cpu: `${size}m`, pods: "6" })),
        );
        for (const [i, { cpu, gone }] of requests.entries()) {
          place(cluster, makePod(`p${i}`, { cpu: `${cpu}m` }), Math.random);
          if (gone) cluster.removePod(`uid-p${i}`);
        }
        for (const node of cluster.nodes) {
          const sum = [...node.pods.values()].reduce((total, p) => total + (p.requests["cpu"] ?? 0), 0);
          expect(node.requested["cpu"] ?? 0).toBe(sum);
          expect(sum).toBeLessThanOrEqual(node.allocatable["cpu"] ?? 0);
          expect(node.pods.size).toBeLessThanOrEqual(6);
        }
      },
    ),
  );
});

describe("preemption", () => {
  const running = (cluster: Cluster, name: string, node: string, priority: number, cpu = "1"): void =>
    cluster.setPod(makePod(name, { cpu, spec: { priority, nodeName: node } }));
  const important = makePod("vip", { cpu: "1", spec: { priority: 100 } });

  test("the node whose victims matter least is chosen, and no more are evicted than needed", () => {
    const cluster = clusterOf(makeNode("a", { cpu: "2" }), makeNode("b", { cpu: "2" }));
    running(cluster, "a1", "a", 50);
    running(cluster, "a2", "a", 50);
    running(cluster, "b1", "b", 10);
    running(cluster, "b2", "b", 90);
    const found = findPreemption(plugins, cluster, podInfo(important), refused(cluster, important), []);
    expect("victims" in found && [found.node.name, ...found.victims.map((v) => v.pod.metadata.name)]).toEqual(
      ["b", "b1"],
    );
    expect(cluster.node("b")?.requested["cpu"]).toBe(2000);
    expect(cluster.node("b")?.pods.size).toBe(2);
  });
  test("a disruption budget is spared where another node will do", () => {
    const cluster = clusterOf(makeNode("a", { cpu: "1" }), makeNode("b", { cpu: "1" }));
    cluster.setPod(
      makePod("guarded", { cpu: "1", labels: { app: "db" }, spec: { priority: 1, nodeName: "a" } }),
    );
    running(cluster, "plain", "b", 60);
    const budget = {
      metadata: { name: "b", namespace: "default" },
      spec: { selector: { matchLabels: { app: "db" } } },
      status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    };
    const found = findPreemption(plugins, cluster, podInfo(important), refused(cluster, important), [budget]);
    expect("victims" in found && found.node.name).toBe("b");
  });
  test("nobody of equal or higher priority is evicted, and the event says so", () => {
    const cluster = clusterOf(
      makeNode("a", { cpu: "1" }),
      makeNode("c", {}, { spec: { unschedulable: true } }),
    );
    running(cluster, "peer", "a", 100);
    expect(findPreemption(plugins, cluster, podInfo(important), refused(cluster, important), [])).toEqual({
      message:
        "0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
      hopeless: true,
    });
  });
  test("room that is promised to one preempting pod is not promised to a second of the same rank", () => {
    const cluster = clusterOf(makeNode("a", { cpu: "1" }), makeNode("b", { cpu: "1" }));
    running(cluster, "cheap", "a", 1);
    running(cluster, "dear", "b", 50);
    const other = podInfo(makePod("other", { cpu: "1", spec: { priority: 100 } }));
    cluster.nominate(other, "a");
    const found = findPreemption(plugins, cluster, podInfo(important), refused(cluster, important), []);
    expect("victims" in found && found.node.name).toBe("b");
  });
  test("a pod waits for its victims on the node it was promised, not for others that end, nor for a node that will not do", () => {
    const lookFor = (reason: string | undefined, extra: Parameters<typeof makeNode>[2] = {}) => {
      const cluster = clusterOf(makeNode("a", { cpu: "1" }, extra), makeNode("b", { cpu: "1" }));
      const ending = makePod("ending", { cpu: "1", spec: { priority: 1, nodeName: "a" } });
      const conditions = reason ? [{ type: "DisruptionTarget", status: "True", reason }] : [];
      const metadata = { ...ending.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
      cluster.setPod({ ...ending, metadata, status: { conditions } });
      running(cluster, "b1", "b", 1);
      cluster.nominate(podInfo(important), "a");
      return findPreemption(plugins, cluster, podInfo(important), refused(cluster, important), []);
    };
    expect(lookFor("PreemptionByScheduler")).toMatchObject({
      message: "not eligible due to terminating pod on the nominated node.",
    });
    expect(lookFor("EvictionByEvictionAPI")).toHaveProperty("victims");
    expect(lookFor(undefined)).toHaveProperty("victims");
    expect(lookFor("PreemptionByScheduler", { spec: { unschedulable: true } })).toMatchObject({
      node: { name: "b" },
    });
  });
  test("who ends anyway makes no room in a spread that did not count it", () => {
    const labels = { app: "web" };
    const constraint = {
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "DoNotSchedule",
      labelSelector: { matchLabels: labels },
    };
    const cluster = clusterOf(makeNode("a"), makeNode("b", {}, { spec: { unschedulable: true } }));
    const ending = makePod("ending", { labels, spec: { priority: 1, nodeName: "a" } });
    cluster.setPod({
      ...ending,
      metadata: { ...ending.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    });
    cluster.setPod(makePod("stays", { labels, spec: { priority: 100, nodeName: "a" } }));
    const pod = makePod("p", { labels, spec: { priority: 100, topologySpreadConstraints: [constraint] } });
    expect(findPreemption(plugins, cluster, podInfo(pod), refused(cluster, pod), [])).not.toHaveProperty(
      "victims",
    );
  });
  test("a host port is freed as well as any other resource, and given back after the look", () => {
    const ports = [{ containerPort: 80, hostPort: 8080 }];
    const holding = (name: string, spec: object): Pod =>
      makePod(name, { spec: { containers: [{ name: "c", image: "i", ports }], ...spec } });
    const cluster = clusterOf(makeNode("a"));
    cluster.setPod(holding("holder", { priority: 1, nodeName: "a" }));
    const taker = holding("taker", { priority: 100 });
    const refusal = refused(cluster, taker);
    const found = findPreemption(plugins, cluster, podInfo(taker), refusal, []);
    expect("victims" in found && found.victims.map((v) => v.pod.metadata.name)).toEqual(["holder"]);
    expect(refused(cluster, taker).byNode.get("a")?.reasons).toEqual(refusal.byNode.get("a")?.reasons);
  });
});

test("a claim for one pod keeps out all others, but one of more importance takes its place", () => {
  const profile = testProfile({
    ...noVolumes,
    claim: (_, name) => ({
      metadata: { name, annotations: { "pv.kubernetes.io/bind-completed": "yes" } },
      spec: { volumeName: "pv", accessModes: ["ReadWriteOncePod"] },
    }),
    volume: () => ({ metadata: { name: "pv" } }),
  });
  const volumes = [{ name: "v", persistentVolumeClaim: { claimName: "mine" } }];
  const cluster = clusterOf(makeNode("a"), makeNode("b"));
  cluster.setPod(makePod("user", { spec: { volumes, nodeName: "a" } }));
  const refusalOf = (pod: Pod): Refused => {
    const result = createCycle(profile, cluster)(podInfo(pod));
    if (isPlaced(result)) throw new Error(`placed on ${result.node.name}`);
    return result;
  };
  const equal = refusalOf(makePod("equal", { spec: { volumes } }));
  expect(refusalMessage(equal)).toBe(
    "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.",
  );
  const important = makePod("important", { spec: { volumes, priority: 10 } });
  const found = findPreemption(profile, cluster, podInfo(important), refusalOf(important), []);
  expect("victims" in found && found.victims.map((v) => v.pod.metadata.name)).toEqual(["user"]);
});

test("a bound claim pins the pod to where its volume is, a delayed one is decided per node", () => {
  const local = (node: string) => ({
    required: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }] },
      ],
    },
  });
  const profile = testProfile({
    ...noVolumes,
    claim: (_, name) =>
      name === "bound"
        ? {
            metadata: { name, annotations: { "pv.kubernetes.io/bind-completed": "yes" } },
            spec: { volumeName: "pv" },
          }
        : {
            metadata: { name, namespace: "default" },
            spec: {
              storageClassName: "late",
              accessModes: ["ReadWriteOnce"],
              resources: { requests: { storage: "1Gi" } },
            },
          },
    volume: () => ({ metadata: { name: "pv" }, spec: { nodeAffinity: local("b") } }),
    volumesOfClass: () => [
      {
        metadata: { name: "pv2" },
        spec: { capacity: { storage: "2Gi" }, accessModes: ["ReadWriteOnce"], nodeAffinity: local("a") },
        status: { phase: "Available" },
      },
    ],
    storageClass: () => ({
      metadata: { name: "late" },
      provisioner: "kubernetes.io/no-provisioner",
      volumeBindingMode: "WaitForFirstConsumer",
    }),
  });
  const cluster = clusterOf(makeNode("a"), makeNode("b"));
  const nodeFor = (claimName: string): string => {
    const result = createCycle(
      profile,
      cluster,
    )(
      podInfo(
        makePod(claimName, { spec: { volumes: [{ name: "v", persistentVolumeClaim: { claimName } }] } }),
      ),
    );
    return isPlaced(result) ? result.node.name : refusalMessage(result);
  };
  expect([nodeFor("bound"), nodeFor("delayed")]).toEqual(["b", "a"]);
  // Evicting pods makes no volume.
  const volumes = [{ name: "v", persistentVolumeClaim: { claimName: "delayed" } }];
  const elsewhere = { "kubernetes.io/hostname": "b" };
  const result = createCycle(
    profile,
    cluster,
  )(podInfo(makePod("p", { spec: { volumes, nodeSelector: elsewhere } })));
  expect(!isPlaced(result) && result.byNode.get("b")).toEqual({
    reasons: ["node(s) didn't find available persistent volumes to bind"],
    preemptable: false,
  });
});
