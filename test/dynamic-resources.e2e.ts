import { readFile } from "node:fs/promises";
import type { ResourceClaim, ResourceSlice } from "@coracle/shared/api/generated/resource-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { getJson, kubectl, kubectlWith, root } from "./support/run.ts";

/** Devices for pods: a driver of made-up ones on one node, and what others publish by hand, which no driver makes ready. */
const ns = useNamespace("devices");
const { pod: podNamed, logs, phase, events } = podsIn(ns);
const driver = `${ns}.example.com`;
const byHand = `hand.${driver}`;
const wait = { timeout: 15_000, interval: 100 };

const create = (...items: object[]): Promise<string> =>
  kubectlWith(JSON.stringify({ apiVersion: "v1", kind: "List", items }), "create", "-f", "-");
const resource = (kind: string, name: string, spec: object, metadata: object = {}): object => ({
  apiVersion: "resource.k8s.io/v1",
  kind,
  metadata: { name, ...metadata },
  spec,
});
const slice = (node: string, ...models: string[]): object =>
  resource("ResourceSlice", `${ns}-${node}`, {
    driver: byHand,
    nodeName: node,
    pool: { name: node, generation: 1, resourceSliceCount: 1 },
    devices: models.map((model, i) => ({ name: `gpu-${i}`, attributes: { model: { string: model } } })),
  });
const asks = (expression: string): object => ({
  devices: {
    requests: [{ name: "gpu", exactly: { deviceClassName: ns, selectors: [{ cel: { expression } }] } }],
  },
});
const model = (name: string): string =>
  `device.driver == "${byHand}" && device.attributes["${byHand}"].model == "${name}"`;
const pod = (name: string, reference: object, script = "sleep 3600"): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: ns },
  spec: {
    terminationGracePeriodSeconds: 0,
    restartPolicy: "Never",
    containers: [
      {
        name: "main",
        image: busybox,
        command: ["sh", "-c", script],
        resources: { claims: [{ name: "gpu" }] },
      },
    ],
    resourceClaims: [{ name: "gpu", ...reference }],
  },
});
const nodeOf = async (name: string): Promise<string | undefined> => (await podNamed(name)).spec?.nodeName;
const claims = async (): Promise<ResourceClaim[]> =>
  (await getJson<{ items: ResourceClaim[] }>("resourceclaims", "-n", ns)).items;
const claimOf = async (prefix: string): Promise<ResourceClaim | undefined> =>
  (await claims()).find((c) => c.metadata.name?.startsWith(prefix));

/** The driver on a node, with the directories of the node that it needs. */
async function driverPod(node: string): Promise<object[]> {
  const script = await readFile(`${root}/test/fixtures/device-driver.mjs`, "utf8");
  const directories = ["/var/lib/kubelet/plugins", "/var/lib/kubelet/plugins_registry", "/var/run/cdi"];
  const fromNode = { fieldRef: { fieldPath: "spec.nodeName" } };
  const place = { namespace: ns };
  const apiGroups = ["resource.k8s.io"];
  const rules = [
    { apiGroups, resources: ["resourceslices", "resourceclaims"], verbs: ["get", "create"] },
    { apiGroups, resources: ["resourceclaims/status"], verbs: ["patch"] },
    // What is told of its own devices, of claims on its own node.
    {
      apiGroups,
      resources: ["resourceclaims/driver"],
      resourceNames: [driver],
      verbs: ["associated-node:patch"],
    },
  ];
  const rbac = { apiVersion: "rbac.authorization.k8s.io/v1" };
  return [
    { ...rbac, kind: "ClusterRole", metadata: { name: ns }, rules },
    {
      ...rbac,
      kind: "ClusterRoleBinding",
      metadata: { name: ns },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: ns },
      subjects: [{ kind: "ServiceAccount", name: "default", namespace: ns }],
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "driver", ...place },
      data: { "driver.mjs": script },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "driver", ...place },
      spec: {
        nodeName: node,
        containers: [
          {
            name: "main",
            image: "node:24-bookworm-slim",
            command: ["node", "/app/driver.mjs"],
            env: [
              { name: "DRIVER", value: driver },
              { name: "NODE_NAME", valueFrom: fromNode },
            ],
            volumeMounts: [
              { name: "app", mountPath: "/app" },
              ...directories.map((mountPath, i) => ({ name: `node-${i}`, mountPath })),
            ],
          },
        ],
        volumes: [
          { name: "app", configMap: { name: "driver" } },
          ...directories.map((path, i) => ({
            name: `node-${i}`,
            hostPath: { path, type: "DirectoryOrCreate" },
          })),
        ],
      },
    },
  ];
}

beforeAll(async () => {
  await create(
    resource("DeviceClass", ns, {
      selectors: [{ cel: { expression: `device.driver.endsWith("${driver}")` } }],
    }),
    slice("node-1", "small"),
    slice("node-2", "large", "large"),
    resource("ResourceClaimTemplate", "large", { spec: asks(model("large")) }, { namespace: ns }),
    resource("ResourceClaim", "small", asks(model("small")), { namespace: ns }),
    resource(
      "ResourceClaimTemplate",
      "driven",
      { spec: asks(`device.driver == "${driver}"`) },
      { namespace: ns },
    ),
    ...(await driverPod("node-1")),
  );
});
afterAll(async () => {
  await kubectl("delete", "deviceclass,clusterrole,clusterrolebinding", ns, "--wait=false");
  const selector = ["--field-selector", `spec.driver=${byHand}`];
  await kubectl("delete", "resourceslice", ...selector, "--wait=false");
  await kubectl("delete", "resourceslice", `node-1-${driver}`, "--ignore-not-found", "--wait=false");
});

test("pods get devices of their own or share one, go where these are, and give them back", async () => {
  const large = { resourceClaimTemplateName: "large" };
  const small = { resourceClaimName: "small" };
  await create(pod("one", large), pod("two", large), pod("small-1", small), pod("small-2", small));
  for (const name of ["one", "two"]) await expect.poll(() => nodeOf(name), wait).toBe("node-2");
  for (const name of ["small-1", "small-2"]) await expect.poll(() => nodeOf(name), wait).toBe("node-1");

  const given = (await claims()).flatMap((c) => c.status?.allocation?.devices?.results ?? []);
  expect(given.map((r) => `${r.pool}/${r.device}`).toSorted()).toEqual([
    "node-1/gpu-0",
    "node-2/gpu-0",
    "node-2/gpu-1",
  ]);
  expect(await claimOf("small")).toMatchObject({
    metadata: { finalizers: ["resource.kubernetes.io/delete-protection"] },
    status: { reservedFor: [{ resource: "pods" }, { resource: "pods" }] },
  });
  const named = (await podNamed("one")).status?.resourceClaimStatuses?.[0];
  expect(named).toMatchObject({ name: "gpu", resourceClaimName: expect.stringMatching(/^one-gpu-/) });

  await create(pod("three", large));
  const condition = async () =>
    (await podNamed("three")).status?.conditions?.find((c) => c.type === "PodScheduled")?.message;
  await expect.poll(condition, wait).toContain("cannot allocate all claims");
  // Nothing is started without its devices.
  await expect
    .poll(() => events("one"), wait)
    .toContain(
      `FailedPrepareDynamicResources: Failed to prepare dynamic resources: DRA driver ${byHand} is not registered`,
    );
  await kubectl("delete", "pod", "one", "small-1", "small-2", "-n", ns);
  await expect.poll(() => nodeOf("three"), wait).toBe("node-2");
  await expect.poll(async () => (await claimOf("small"))?.status, wait).toEqual({});
});

test("a driver makes its devices ready for a pod's containers, one pod after the other", async () => {
  const driven = { resourceClaimTemplateName: "driven" };
  await create(
    pod("first", driven, "echo $DEVICE_GPU; cat /device/hello; test -c /dev/made-up && echo there"),
    pod("second", driven, "echo $DEVICE_GPU"),
  );
  await phase("first", "Succeeded");
  await phase("second", "Succeeded");
  expect(await logs("first")).toBe("node-1/gpu-0\nfrom the node\nthere\n");
  expect(await logs("second")).toBe("node-1/gpu-0\n");
  await expect.poll(() => claimOf("first-"), wait).toBeUndefined();
  await expect.poll(() => claimOf("second-"), wait).toBeUndefined();
  const told = (await logs("driver")).split("\n").filter((line) => /^(Node|told)/.test(line));
  expect(told).toEqual([
    "told 200",
    "NodePrepareResources",
    "NodeUnprepareResources",
    "told 200",
    "NodePrepareResources",
    "NodeUnprepareResources",
  ]);
  const published = await getJson<{ items: ResourceSlice[] }>("resourceslices");
  expect(published.items.map((s) => s.spec.driver)).toContain(driver);
});
