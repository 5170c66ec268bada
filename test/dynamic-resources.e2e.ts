import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { ResourceClaim } from "@coracle/shared/api/generated/resource-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { getJson, kubectl, kubectlWith } from "./support/run.ts";

/** Devices for pods, published by hand: who gets which, and where the pod goes. No driver runs here, so no pod starts. */
const ns = useNamespace("devices");
const driver = `${ns}.example.com`;
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
    driver,
    nodeName: node,
    pool: { name: node, generation: 1, resourceSliceCount: 1 },
    devices: models.map((model, i) => ({ name: `gpu-${i}`, attributes: { model: { string: model } } })),
  });
const asks = (model: string): object => ({
  devices: {
    requests: [
      {
        name: "gpu",
        exactly: {
          deviceClassName: ns,
          selectors: [{ cel: { expression: `device.attributes["${driver}"].model == "${model}"` } }],
        },
      },
    ],
  },
});
const pod = (name: string, reference: object): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: ns },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: "main", image: busybox, resources: { claims: [{ name: "gpu" }] } }],
    resourceClaims: [{ name: "gpu", ...reference }],
  },
});
const podNamed = (name: string): Promise<Pod> => getJson<Pod>("pod", name, "-n", ns);
const nodeOf = async (name: string): Promise<string | undefined> => (await podNamed(name)).spec?.nodeName;
const claims = async (): Promise<ResourceClaim[]> =>
  (await getJson<{ items: ResourceClaim[] }>("resourceclaims", "-n", ns)).items;

beforeAll(async () => {
  await create(
    resource("DeviceClass", ns, { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] }),
    slice("node-1", "small"),
    slice("node-2", "large", "large"),
    resource("ResourceClaimTemplate", "large", { spec: asks("large") }, { namespace: ns }),
    resource("ResourceClaim", "small", asks("small"), { namespace: ns }),
  );
});
afterAll(async () => {
  await kubectl("delete", "deviceclass", ns, "--wait=false");
  await kubectl("delete", "resourceslice", `${ns}-node-1`, `${ns}-node-2`, "--wait=false");
});

test("pods get devices of their own or share one, go where these are, and give them back", async () => {
  const large = { resourceClaimTemplateName: "large" };
  const small = { resourceClaimName: "small" };
  await create(pod("one", large), pod("two", large), pod("small-1", small), pod("small-2", small));
  for (const name of ["one", "two"]) await expect.poll(() => nodeOf(name), wait).toBe("node-2");
  for (const name of ["small-1", "small-2"]) await expect.poll(() => nodeOf(name), wait).toBe("node-1");

  const made = await claims();
  const given = made.flatMap((c) => c.status?.allocation?.devices?.results ?? []);
  expect(given.map((r) => `${r.pool}/${r.device}`).toSorted()).toEqual([
    "node-1/gpu-0",
    "node-2/gpu-0",
    "node-2/gpu-1",
  ]);
  expect(made.find((c) => c.metadata.name === "small")).toMatchObject({
    metadata: { finalizers: ["resource.kubernetes.io/delete-protection"] },
    status: { reservedFor: [{ resource: "pods" }, { resource: "pods" }] },
  });
  const named = (await podNamed("one")).status?.resourceClaimStatuses?.[0];
  expect(named).toMatchObject({ name: "gpu", resourceClaimName: expect.stringMatching(/^one-gpu-/) });

  await create(pod("three", large));
  const condition = async () =>
    (await podNamed("three")).status?.conditions?.find((c) => c.type === "PodScheduled")?.message;
  await expect.poll(condition, wait).toContain("cannot allocate all claims");
  await kubectl("delete", "pod", "one", "small-1", "small-2", "-n", ns);
  await expect.poll(() => nodeOf("three"), wait).toBe("node-2");
  const shared = async () => (await claims()).find((c) => c.metadata.name === "small");
  await expect.poll(async () => (await shared())?.status, wait).toEqual({});
});
