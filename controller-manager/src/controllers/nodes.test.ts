import { expect, test } from "vitest";
import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import { leases, namespaces, nodes, pods } from "@coracle/shared/api/resources.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { NAMESPACE, startHarness, type Harness } from "../testing/harness.ts";
import { createCidrSet } from "./node-ipam-cidrs.ts";
import { nodeIpamController } from "./node-ipam.ts";
import { nodeLifecycleController } from "./node-lifecycle/node-lifecycle.ts";
import { createZones } from "./node-lifecycle/zones.ts";
import { evictionTime, taintEvictionController } from "./taint-eviction.ts";

const addNode = async (h: Harness, name: string): Promise<Node> => {
  await h.client.create(nodes, { metadata: { name } });
  const now = new Date().toISOString();
  const conditions = [
    {
      type: "Ready",
      status: "True",
      reason: "KubeletReady",
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    },
  ];
  return h.client.patch(
    nodes,
    { name },
    { type: "merge", body: { status: { conditions } } },
    { subresource: "status" },
  );
};
const leaseBody = {
  spec: { holderIdentity: "n", leaseDurationSeconds: 40, renewTime: new Date().toISOString() },
};

test("a silent node turns Unknown, is tainted, its pods are evicted; a live one is left alone", async () => {
  await using h = await startHarness({
    controllers: [nodeLifecycleController({ graceMs: 400 }), taintEvictionController()],
  });
  await h.client.create(namespaces, { metadata: { name: "kube-node-lease" } }).catch(() => undefined);
  await addNode(h, "silent");
  await addNode(h, "alive");
  const lease = { name: "alive", namespace: "kube-node-lease" };
  await h.client.create(leases, { metadata: lease, ...leaseBody });
  const renew = setInterval(() => {
    void h.client
      .patch(leases, lease, { type: "merge", body: { spec: { renewTime: new Date().toISOString() } } })
      .catch(() => undefined);
  }, 100);
  const place = (name: string, nodeName: string, seconds: number): Promise<unknown> =>
    h.client.create(pods, {
      metadata: { name, namespace: NAMESPACE },
      spec: {
        nodeName,
        containers: [{ name: "c", image: "nginx" }],
        tolerations: [
          {
            key: "node.kubernetes.io/unreachable",
            operator: "Exists",
            effect: "NoExecute",
            tolerationSeconds: seconds,
          },
        ],
      },
    });
  await place("soon", "silent", 0);
  await place("later", "silent", 300);
  await place("safe", "alive", 0);
  const node = await h.eventually("tainted", async () => {
    const n = await h.client.get(nodes, { name: "silent" });
    return n.spec?.taints?.some((t) => t.effect === "NoExecute") && n;
  });
  expect(node.status?.conditions?.find((c) => c.type === "Ready")).toMatchObject({
    status: "Unknown",
    reason: "NodeStatusUnknown",
    message: "Kubelet stopped posting node status.",
  });
  expect(node.spec?.taints?.map((t) => `${t.key}:${t.effect}`)).toEqual([
    "node.kubernetes.io/unreachable:NoSchedule",
    "node.kubernetes.io/unreachable:NoExecute",
  ]);
  await h.eventually("the intolerant pod goes", () =>
    h.client.get(pods, { name: "soon", namespace: NAMESPACE }).then(
      (pod) => pod.metadata.deletionTimestamp !== undefined,
      (error: unknown) => isNotFound(error),
    ),
  );
  const later = await h.client.get(pods, { name: "later", namespace: NAMESPACE });
  expect(later.metadata.deletionTimestamp).toBeUndefined();
  expect((await h.client.get(nodes, { name: "alive" })).spec?.taints ?? []).toEqual([]);
  clearInterval(renew);
});

test("a node's coming and going are told of", async () => {
  await using h = await startHarness({ controllers: [nodeLifecycleController({ graceMs: 60_000 })] });
  await h.client.create(nodes, { metadata: { name: "a" } });
  const told = (event: string): Promise<unknown> => h.eventually(event, async () => h.events.includes(event));
  await told("RegisteredNode Node a event: Registered Node a in Controller");
  await h.client.delete(nodes, { name: "a" });
  await told("RemovingNode Node a event: Removing Node a from Controller");
});

test("cordoning taints, and every node gets its own range", async () => {
  await using h = await startHarness({
    controllers: [nodeLifecycleController({ graceMs: 60_000 }), nodeIpamController("10.244.0.0/16")],
  });
  await addNode(h, "a");
  await addNode(h, "b");
  const ranges = await h.eventually("ranges", async () => {
    const all = (await h.list(nodes)).map((n) => n.spec?.podCIDR);
    return all.every(Boolean) && all;
  });
  expect(new Set(ranges).size).toBe(2);
  await h.client.patch(nodes, { name: "a" }, { type: "merge", body: { spec: { unschedulable: true } } });
  await h.eventually("tainted", async () => {
    const taints = (await h.client.get(nodes, { name: "a" })).spec?.taints ?? [];
    return taints[0]?.key === "node.kubernetes.io/unschedulable" && taints[0].effect === "NoSchedule";
  });
});

test("a range is kept, never doubled, and free again when its node is gone", () => {
  const set = createCidrSet("10.0.0.0/22", 24);
  expect(set.allocate("a")).toBe("10.0.0.0/24");
  expect(set.allocate("a")).toBe("10.0.0.0/24");
  set.occupy("10.0.1.0/24", "b");
  expect(set.allocate("c")).toBe("10.0.2.0/24");
  expect(set.allocate("d")).toBe("10.0.3.0/24");
  expect(set.allocate("e")).toBeUndefined();
  set.release("10.0.1.0/24", "b");
  expect(set.allocate("e")).toBe("10.0.1.0/24");
});

test("evictions: one taint too many drives off at once, else the shortest toleration counts", () => {
  const at = "2026-11-23T12:00:00Z";
  const start = Date.parse(at);
  const taint = (key: string) => ({ key, effect: "NoExecute", timeAdded: at });
  const tolerate = (key: string, tolerationSeconds?: number) => ({
    key,
    operator: "Exists",
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  });
  const stay = { first: start + 5000, arrived: start - 60_000 };
  expect(evictionTime([taint("a")], [], stay)).toBe(start);
  expect(evictionTime([taint("a")], [tolerate("a")], stay)).toBeUndefined();
  expect(evictionTime([taint("a")], [tolerate("a", 30), tolerate("", 10)], stay)).toBe(start + 10_000);
  expect(evictionTime([taint("a"), taint("b")], [tolerate("a", 30)], stay)).toBe(start);
  // It came to a node that had the taint.
  const late = { first: start + 60_400, arrived: start + 60_000 };
  expect(evictionTime([taint("a")], [tolerate("a", 30)], late)).toBe(start + 90_400);
  expect(evictionTime([taint("a")], [tolerate("a", 30)], { ...late, first: start + 65_000 })).toBe(
    start + 90_000,
  );
});

test("when every node is silent nobody is evicted: it is us who are cut off", () => {
  const zones = createZones();
  for (const n of ["a", "b", "c"]) zones.set(n, "z", false);
  expect(zones.mayEvict("a", 0)).toBeUndefined();
  zones.set("c", "z", true);
  expect(zones.mayEvict("a", 0)).toBe(0);
  expect(zones.mayEvict("b", 0)).toBe(10_000);
});
