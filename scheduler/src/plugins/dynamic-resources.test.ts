import { expect, test } from "vitest";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type {
  AllocationResult,
  ResourceClaim,
  ResourceSlice,
} from "@coracle/shared/api/generated/resource-v1.ts";
import { createCycle, isPlaced, refusalMessage, type Placed } from "../cycle.ts";
import { podInfo } from "../pod-info.ts";
import { clusterOf, makeNode, makePod, noDevices, noVolumes, testProfile } from "../testing.ts";
import type { DeviceAccess } from "./dynamic-resources.ts";

const slice: ResourceSlice = {
  metadata: { name: "s" },
  spec: {
    driver: "a.example.com",
    nodeName: "b",
    pool: { name: "b", generation: 1, resourceSliceCount: 1 },
    devices: [{ name: "only" }],
  },
};
const claim = (name: string, more: Partial<ResourceClaim> = {}): ResourceClaim => ({
  metadata: { name, namespace: "default", uid: `uid-${name}` },
  spec: { devices: { requests: [{ name: "r", exactly: { deviceClassName: "any" } }] } },
  ...more,
});
const podWith = (name: string, reference: object): Pod =>
  makePod(name, { spec: { resourceClaims: [{ name: "x", ...reference }] } });

function setUp(claims: ResourceClaim[], more: Partial<DeviceAccess> = {}) {
  const bound: [string, AllocationResult | undefined, string | undefined][] = [];
  const access: DeviceAccess = {
    ...noDevices,
    claim: (_namespace, name) => claims.find((c) => c.metadata.name === name),
    claims: () => claims,
    slices: () => [slice],
    deviceClass: (name) => (name === "any" ? { metadata: { name }, spec: {} } : undefined),
    bindClaim: (c, allocation, pod) => {
      bound.push([c.metadata.name ?? "", allocation, pod.metadata.name]);
      return Promise.resolve({ ...c, metadata: { ...c.metadata, resourceVersion: "7" } });
    },
    ...more,
  };
  const plugins = testProfile(noVolumes, access);
  const cluster = clusterOf(makeNode("a"), makeNode("b"));
  const run = (pod: Pod): Placed | string => {
    const result = createCycle(plugins, cluster, () => 0)(podInfo(pod));
    return isPlaced(result) ? result : refusalMessage(result);
  };
  const plugin = plugins.find((p) => p.name === "DynamicResources");
  if (!plugin) throw new Error("no plugin");
  return { run, plugin, plugins, cluster, bound };
}

test("a pod goes where its device is, and nobody else gets it while that is written", async () => {
  const { run, plugin, bound } = setUp([claim("one"), claim("two")]);
  const pod = podWith("p", { resourceClaimName: "one" });
  const placed = run(pod);
  if (typeof placed === "string") throw new Error(placed);
  expect(placed.node.name).toBe("b");
  plugin.reserve?.(podInfo(pod), placed.node, placed.state);
  expect(run(podWith("q", { resourceClaimName: "two" }))).toBe(
    "0/2 nodes are available: 2 cannot allocate all claims.",
  );
  expect(run(podWith("q", { resourceClaimName: "one" }))).toContain(
    "resource claim default/one is in the process of being allocated",
  );
  // It was not written after all.
  plugin.unreserve?.(podInfo(pod), placed.node, placed.state);
  expect(run(podWith("q", { resourceClaimName: "two" }))).not.toBeTypeOf("string");
  // It was, and something else of the pod's was not.
  plugin.reserve?.(podInfo(pod), placed.node, placed.state);
  await plugin.preBind?.(podInfo(pod), placed.node, placed.state, AbortSignal.timeout(1000));
  expect(bound).toMatchObject([["one", { devices: { results: [{ device: "only", pool: "b" }] } }, "p"]]);
  plugin.unreserve?.(podInfo(pod), placed.node, placed.state);
  expect(run(podWith("q", { resourceClaimName: "two" }))).toContain("cannot allocate all claims");
});

test("a device that was given back before anybody looked is free", async () => {
  const one = claim("one");
  const { run, plugin } = setUp([one, claim("two")]);
  const pod = podWith("p", { resourceClaimName: "one" });
  const placed = run(pod);
  if (typeof placed === "string") throw new Error(placed);
  plugin.reserve?.(podInfo(pod), placed.node, placed.state);
  await plugin.preBind?.(podInfo(pod), placed.node, placed.state, AbortSignal.timeout(1000));
  one.metadata.resourceVersion = "6";
  expect(run(podWith("q", { resourceClaimName: "two" }))).toContain("cannot allocate all claims");
  one.metadata.resourceVersion = "8";
  expect(run(podWith("q", { resourceClaimName: "two" }))).not.toBeTypeOf("string");
});

test("an allocated claim is only reserved, where it can be used", async () => {
  const nodeSelector = {
    nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["a"] }] }],
  };
  const { run, plugin, bound } = setUp([claim("one", { status: { allocation: { nodeSelector } } })]);
  const pod = podWith("p", { resourceClaimName: "one" });
  const placed = run(pod);
  if (typeof placed === "string") throw new Error(placed);
  expect(placed.node.name).toBe("a");
  await plugin.preBind?.(podInfo(pod), placed.node, placed.state, AbortSignal.timeout(1000));
  expect(bound).toEqual([["one", undefined, "p"]]);
});

test("devices that nobody else uses are given back when the pod cannot go where they are", async () => {
  const nodeSelector = {
    nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["b"] }] }],
  };
  const given: string[] = [];
  const mine = claim("mine", { status: { allocation: { nodeSelector } } });
  const { plugins, cluster } = setUp([mine], {
    deallocate: (c) => Promise.resolve(void given.push(c.metadata.name ?? "")),
  });
  const pod = podWith("p", { resourceClaimName: "mine" });
  pod.spec = { ...pod.spec, nodeSelector: { "kubernetes.io/hostname": "a" }, containers: [] };
  const refused = createCycle(plugins, cluster)(podInfo(pod));
  if (isPlaced(refused)) throw new Error("placed");
  for (const plugin of plugins)
    await plugin.postFilter?.(podInfo(pod), refused.state, AbortSignal.timeout(1000));
  expect(given).toEqual(["mine"]);
});

test("a pod is bound when its devices are attached, and looks for others when they cannot be", async () => {
  const at = { driver: "a.example.com", pool: "b", device: "only" };
  const conditions = { bindingConditions: ["attached"], bindingFailureConditions: ["broken"] };
  const slow: ResourceSlice = structuredClone(slice);
  slow.spec.devices = [{ name: "only", ...conditions }];
  const waited: string[] = [];
  const access: Partial<DeviceAccess> = {
    slices: () => [slow],
    waitUntilReady: (c) => Promise.resolve(void waited.push(c.metadata.name ?? "")),
  };
  const { run, plugin, bound } = setUp([claim("one")], access);
  const pod = podWith("p", { resourceClaimName: "one" });
  const placed = run(pod);
  if (typeof placed === "string") throw new Error(placed);
  await plugin.preBind?.(podInfo(pod), placed.node, placed.state, AbortSignal.timeout(1000));
  expect(bound[0]?.[1]?.devices?.results).toMatchObject([conditions]);
  expect(waited).toEqual(["one"]);

  const tell = (type: string) => ({
    ...at,
    conditions: [{ type, status: "True", reason: "X", message: "", lastTransitionTime: "" }],
  });
  const allocation = {
    devices: { results: [{ request: "r", ...at, ...conditions }] },
    allocationTimestamp: new Date().toISOString(),
  };
  const after = (devices: object[], since = allocation.allocationTimestamp): Placed | string =>
    setUp([
      claim("one", {
        status: { allocation: { ...allocation, allocationTimestamp: since }, devices: devices as never },
      }),
    ]).run(pod);
  const lost = "0/2 nodes are available: 2 resourceclaim not available on the node.";
  expect(after([])).not.toBe(lost);
  expect(after([tell("broken")])).toBe(lost);
  expect(after([], "2026-01-01T00:00:00Z")).toBe(lost);
  expect(after([tell("attached")], "2026-01-01T00:00:00Z")).not.toBe(lost);
});

test("a pod is tried again when its own claim changes, or when there may be more devices", () => {
  const { plugin } = setUp([]);
  const pod = podInfo(podWith("p", { resourceClaimName: "mine" }));
  const helps = (claim?: { namespace: string; name: string }) =>
    plugin.helps?.({ kind: "device", claim }, pod);
  expect(helps()).toBe(true);
  expect(helps({ namespace: "default", name: "mine" })).toBe(true);
  expect(helps({ namespace: "other", name: "mine" })).toBe(false);
  expect(helps({ namespace: "default", name: "theirs" })).toBe(false);
  const gone = (other: Pod) => plugin.helps?.({ kind: "pod-deleted", pod: podInfo(other) }, pod);
  expect(gone(podWith("q", { resourceClaimName: "theirs" }))).toBe(true);
  expect(gone(makePod("plain"))).toBe(false);
});

test("why a pod waits", () => {
  const leaving = claim("leaving", {
    metadata: { ...claim("leaving").metadata, deletionTimestamp: "2026-11-23T12:00:00Z" },
  });
  const other = claim("other");
  other.spec = { devices: { requests: [{ name: "r", exactly: { deviceClassName: "none" } }] } };
  const full = claim("full", {
    status: {
      allocation: {},
      reservedFor: Array.from({ length: 256 }, (_, i) => ({ resource: "pods", name: `${i}`, uid: `${i}` })),
    },
  });
  const { run } = setUp([leaving, other, full]);
  const why = (reference: object): string => {
    const result = run(podWith("p", reference));
    return typeof result === "string" ? result.replace("0/2 nodes are available: ", "") : "placed";
  };
  expect(why({ resourceClaimName: "nothing" })).toBe('resourceclaim "nothing" not found.');
  expect(why({ resourceClaimName: "leaving" })).toBe('resourceclaim "leaving" is being deleted.');
  expect(why({ resourceClaimName: "other" })).toBe("request r: device class none does not exist.");
  expect(why({ resourceClaimName: "full" })).toBe("resourceclaim in use.");
  expect(why({ resourceClaimTemplateName: "t" })).toBe('pod "default/p": ResourceClaim not created yet.');
  const stolen = { ...podWith("p", { resourceClaimTemplateName: "t" }) };
  stolen.status = { resourceClaimStatuses: [{ name: "x", resourceClaimName: "full" }] };
  expect(run(stolen)).toContain("was not created for pod default/p (pod is not owner)");
});
