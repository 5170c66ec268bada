import { afterEach, beforeEach, expect, it } from "vitest";
import type { RequestInfo } from "../request.ts";
import { createTestCluster, type TestCluster } from "../watch/test-cache.ts";
import { nodeRules } from "./bootstrap-components.ts";
import { createNodeAuthorizer, type NodeAuthorizer } from "./node.ts";
import { createNodeGraph } from "./node-graph.ts";

let cluster: TestCluster;
let node: NodeAuthorizer;
beforeEach(async () => {
  cluster = await createTestCluster();
  node = createNodeAuthorizer(createNodeGraph(cluster.cache), nodeRules);
});
afterEach(() => cluster.stop());

const user = { username: "system:node:n1", groups: ["system:nodes", "system:authenticated"] };
const ask = (verb: string, resource: string, name = "", more: Partial<RequestInfo> = {}) => {
  const info = {
    isResource: true,
    path: "",
    verb,
    group: "",
    version: "v1",
    resource,
    subresource: "",
    namespace: "default",
    name,
    ...more,
  };
  return node.authorize(user, info);
};
const may = (...args: Parameters<typeof ask>): boolean => ask(...args)?.allowed ?? false;
const pod = (name: string, nodeName: string | undefined, spec: object = {}) =>
  cluster.put("pods", {
    metadata: { name, namespace: "default" },
    spec: { nodeName, containers: [], ...spec },
  });

it("says nothing about users that are no nodes", () => {
  const info = {
    isResource: true,
    path: "",
    verb: "get",
    group: "",
    version: "v1",
    resource: "pods",
    subresource: "",
    namespace: "",
    name: "x",
  };
  expect(node.authorize({ username: "system:node:n1", groups: [] }, info)).toBeUndefined();
  expect(node.authorize({ username: "alice", groups: ["system:nodes"] }, info)).toBeUndefined();
});

it("gives no object away because the role, which says what nodes do at all, names its resource", () => {
  const named = [
    "configmaps",
    "secrets",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "serviceaccounts",
  ];
  const grouped = {
    leases: "coordination.k8s.io",
    csinodes: "storage.k8s.io",
    volumeattachments: "storage.k8s.io",
  };
  const covers = (resource: string, group: string): boolean =>
    nodeRules.some(
      (r) => r.resources?.includes(resource) && r.apiGroups?.includes(group) && r.verbs.includes("get"),
    );
  for (const [resource, group] of [...named.map((r) => [r, ""] as const), ...Object.entries(grouped)]) {
    expect(covers(resource, group)).toBe(true);
    expect(may("get", resource, "of-somebody-else", { group })).toBe(false);
    expect(may("list", resource, "", { group })).toBe(false);
  }
  expect(may("create", "serviceaccounts", "sa", { subresource: "token" })).toBe(false);
  expect(may("patch", "persistentvolumeclaims", "claim", { subresource: "status" })).toBe(false);
});

it("lets a node read what its pods name, as long as they are there", async () => {
  const everything = {
    serviceAccountName: "sa",
    imagePullSecrets: [{ name: "pull" }],
    containers: [
      {
        name: "c",
        envFrom: [{ secretRef: { name: "env-all" } }, { configMapRef: { name: "cfg-all" } }],
        env: [{ name: "A", valueFrom: { secretKeyRef: { name: "env-key", key: "k" } } }],
      },
    ],
    initContainers: [
      { name: "i", env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "cfg-key", key: "k" } } }] },
    ],
    volumes: [
      { name: "a", secret: { secretName: "vol" } },
      { name: "b", configMap: { name: "cfg-vol" } },
      {
        name: "c",
        projected: { sources: [{ secret: { name: "proj" } }, { configMap: { name: "cfg-proj" } }] },
      },
      { name: "d", persistentVolumeClaim: { claimName: "claim" } },
      { name: "e", ephemeral: {} },
    ],
  };
  const secrets = ["pull", "env-all", "env-key", "vol", "proj"];
  const maps = ["cfg-all", "cfg-key", "cfg-vol", "cfg-proj"];
  const all = (): boolean[] => [
    ...secrets.map((s) => may("get", "secrets", s)),
    ...maps.map((m) => may("watch", "configmaps", m)),
    may("get", "persistentvolumeclaims", "claim"),
    may("get", "persistentvolumeclaims", "p-e"),
    may("create", "serviceaccounts", "sa", { subresource: "token" }),
    may("get", "pods", "p"),
  ];
  await pod("p", undefined, everything);
  expect(all()).not.toContain(true);
  await pod("p", "n2", everything);
  expect(all()).not.toContain(true);
  await pod("p", "n1", everything);
  expect(all()).not.toContain(false);
  expect(may("get", "secrets", "vol", { namespace: "other" })).toBe(false);
  expect(may("list", "secrets")).toBe(false);
  expect(ask("get", "secrets", "foreign")?.reason).toBe(
    "no relationship found between node 'n1' and this object",
  );
  // Two pods with the same secret: it stays readable until the last is gone.
  await pod("q", "n1", { volumes: everything.volumes });
  await cluster.remove("pods", "default", "p");
  expect([may("get", "secrets", "vol"), may("get", "secrets", "pull")]).toEqual([true, false]);
  await cluster.remove("pods", "default", "q");
  expect(may("get", "secrets", "vol")).toBe(false);
});

it("lets a node write its own slices of devices, and read the claims of its pods", async () => {
  const group = { group: "resource.k8s.io", namespace: "" };
  const slice = (name: string, nodeName: string) =>
    cluster.put("resourceslices.resource.k8s.io", { metadata: { name }, spec: { nodeName } });
  await slice("mine", "n1");
  await slice("theirs", "n2");
  expect(may("create", "resourceslices", "", group)).toBe(true);
  expect(may("update", "resourceslices", "mine", group)).toBe(true);
  expect(may("delete", "resourceslices", "theirs", group)).toBe(false);
  const all = (fieldSelector: string) =>
    ask("deletecollection", "resourceslices", "", { ...group, fieldSelector });
  expect(all("spec.driver=a,spec.nodeName=n1")?.allowed).toBe(true);
  expect(all("spec.nodeName=n2")?.reason).toBe(
    "can only list/watch/deletecollection resourceslices with nodeName field selector",
  );
  const reads = (name: string): boolean =>
    may("get", "resourceclaims", name, { ...group, namespace: "default" });
  await cluster.put("pods", {
    metadata: { name: "p", namespace: "default" },
    spec: { nodeName: "n1", containers: [], resourceClaims: [{ name: "a", resourceClaimName: "shared" }] },
    status: { resourceClaimStatuses: [{ name: "b", resourceClaimName: "p-b-x" }] },
  });
  expect([reads("shared"), reads("p-b-x"), reads("other")]).toEqual([true, true, false]);
});

it("follows a claim to its volume and the volume's secret", async () => {
  await pod("p", "n1", { volumes: [{ name: "d", persistentVolumeClaim: { claimName: "claim" } }] });
  const volume = (claim?: string) =>
    cluster.put("persistentvolumes", {
      metadata: { name: "pv" },
      spec: {
        csi: { nodeStageSecretRef: { name: "stage", namespace: "sys" } },
        ...(claim ? { claimRef: { namespace: "default", name: claim } } : {}),
      },
    });
  const reads = (): boolean[] => [
    may("get", "persistentvolumes", "pv", { namespace: "" }),
    may("get", "secrets", "stage", { namespace: "sys" }),
  ];
  await volume();
  expect(reads()).toEqual([false, false]);
  await volume("claim");
  expect(reads()).toEqual([true, true]);
  await volume("other");
  expect(reads()).toEqual([false, false]);
});

it("lets a node write itself, its lease and its CSINode, and list its own pods alone", () => {
  const lease = { group: "coordination.k8s.io", namespace: "kube-node-lease" };
  const cluster = { namespace: "" };
  expect(
    may("create", "nodes", "", cluster) && may("patch", "nodes", "n1", { ...cluster, subresource: "status" }),
  ).toBe(true);
  expect(
    may("patch", "nodes", "n2", { ...cluster, subresource: "status" }) ||
      may("delete", "nodes", "n1", cluster),
  ).toBe(false);
  expect(may("get", "nodes", "n2", cluster)).toBe(true);
  expect(may("update", "leases", "n1", lease) && may("create", "leases", "", lease)).toBe(true);
  expect(
    may("update", "leases", "n2", lease) || may("update", "leases", "n1", { ...lease, namespace: "default" }),
  ).toBe(false);
  expect(may("update", "csinodes", "n1", { ...cluster, group: "storage.k8s.io" })).toBe(true);
  expect(may("update", "csinodes", "n2", { ...cluster, group: "storage.k8s.io" })).toBe(false);
  expect(may("list", "pods", "", { namespace: "", fieldSelector: "spec.nodeName=n1" })).toBe(true);
  expect(may("list", "pods", "", { namespace: "", fieldSelector: "spec.nodeName=n2" })).toBe(false);
  expect(may("list", "pods", "", cluster)).toBe(false);
  expect(may("list", "services", "", cluster) && may("create", "events")).toBe(true);
  expect(may("create", "deployments", "", { group: "apps" })).toBe(false);
});
