import { expect, test } from "vitest";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { DeviceTaint, ResourceClaim, ResourceSlice } from "@coracle/shared/api/generated/resource-v1.ts";
import {
  pods,
  resourceClaims,
  resourceClaimTemplates,
  resourceSlices,
} from "@coracle/shared/api/resources.ts";
import { claimFinalizer, consumerOf } from "@coracle/shared/dra/pod-claims.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { NAMESPACE, startHarness, type Harness } from "../../testing/harness.ts";
import { resourceClaimCleanup } from "./cleanup.ts";
import { deviceTaintController } from "./device-taints.ts";
import { generatedName, resourceClaimController } from "./resourceclaim.ts";

const spec = { devices: { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu" } }] } };
const device = { request: "gpu", driver: "gpu.example.com", pool: "p", device: "d" };
const allocation = { devices: { results: [device] } };
const start = (): Promise<Harness> =>
  startHarness({
    controllers: [resourceClaimController(), resourceClaimCleanup(), deviceTaintController()],
  });
const makePod = (h: Harness, reference: object, more: object = {}): Promise<Pod> =>
  h.client.create(pods, {
    metadata: { name: "web", namespace: NAMESPACE },
    spec: {
      containers: [{ name: "app", image: "app" }],
      resourceClaims: [{ name: "gpu", ...reference }],
      ...more,
    },
  });
const makeClaim = (h: Harness, finalizers?: string[]): Promise<ResourceClaim> =>
  h.client.create(resourceClaims, {
    metadata: { name: "shared", namespace: NAMESPACE, ...(finalizers ? { finalizers } : {}) },
    spec,
  });
const setStatus = (h: Harness, claim: ResourceClaim, status: object): Promise<ResourceClaim> =>
  h.client.update(resourceClaims, { ...claim, status }, { subresource: "status" });
const shared = (h: Harness): Promise<ResourceClaim> =>
  h.client.get(resourceClaims, { name: "shared", namespace: NAMESPACE });
const end = async (h: Harness, pod: Pod): Promise<unknown> =>
  h.client.patch(
    pods,
    { name: pod.metadata.name ?? "", namespace: NAMESPACE },
    { type: "merge", body: { status: { phase: "Succeeded" } } },
    { subresource: "status" },
  );

test("a pod gets a claim of its own from a template, once there is one", async () => {
  await using h = await start();
  const pod = await makePod(h, { resourceClaimTemplateName: "one" });
  await h.eventually("it says what is missing", () =>
    Promise.resolve(
      h.events.includes(
        'FailedResourceClaimCreation PodResourceClaim gpu: resource claim template "one": resourceclaimtemplate.resource.k8s.io "one" not found',
      ),
    ),
  );
  await h.client.create(resourceClaimTemplates, {
    metadata: { name: "one", namespace: NAMESPACE },
    spec: { metadata: { labels: { a: "b" }, annotations: { c: "d" } }, spec },
  });
  const name = await h.eventually("the pod says which claim is its", async () => {
    const { status } = await h.client.get(pods, { name: "web", namespace: NAMESPACE });
    return status?.resourceClaimStatuses?.[0]?.resourceClaimName;
  });
  expect(name).toMatch(/^web-gpu-[a-z0-9]{5}$/);
  const made = await h.list(resourceClaims);
  expect(made).toMatchObject([
    {
      metadata: {
        name,
        generateName: "web-gpu-",
        labels: { a: "b" },
        annotations: { c: "d", "resource.kubernetes.io/pod-claim-name": "gpu" },
        ownerReferences: [{ kind: "Pod", name: "web", uid: pod.metadata.uid, controller: true }],
      },
      spec,
    },
  ]);
  await end(h, pod);
  await h.eventually("it goes with its pod's end", async () => (await h.list(resourceClaims)).length === 0);
});

test("an allocated claim is reserved for a pod that no scheduler placed, and given back at its end", async () => {
  await using h = await start();
  await setStatus(h, await makeClaim(h, [claimFinalizer]), { allocation });
  const pod = await makePod(h, { resourceClaimName: "shared" }, { nodeName: "n1" });
  await h.eventually("reserved", async () =>
    (await shared(h)).status?.reservedFor?.some((c) => c.uid === pod.metadata.uid),
  );
  await end(h, pod);
  const claim = await h.eventually("given back", async () => {
    const c = await shared(h);
    return !c.metadata.finalizers?.length && c;
  });
  expect(claim.status).toEqual({});
});

test("a claim in use is kept until the last of its pods has ended", async () => {
  await using h = await start();
  const pod = await makePod(h, { resourceClaimName: "shared" });
  const ghost = { resource: "pods", name: "ghost", uid: "1" };
  const other = { apiGroup: "example.com", resource: "things", name: "x", uid: "2" };
  const claim = await makeClaim(h, [claimFinalizer]);
  await setStatus(h, claim, { allocation, reservedFor: [consumerOf(pod), ghost, other] });
  await h.eventually("who is no more has no reservation", async () => {
    const { status } = await shared(h);
    return status?.reservedFor?.length === 2 && status.allocation !== undefined;
  });
  await setStatus(h, await shared(h), { allocation, reservedFor: [consumerOf(pod)] });
  await h.client.delete(resourceClaims, { name: "shared", namespace: NAMESPACE });
  await h.client.delete(pods, { name: "web", namespace: NAMESPACE });
  await h.eventually("gone", () =>
    shared(h).then(
      () => false,
      (error: unknown) => isNotFound(error),
    ),
  );
});

test("pods go whose devices are tainted, at once or when they cease to tolerate it", async () => {
  await using h = await start();
  const tolerations = [{ key: "sick", operator: "Exists", tolerationSeconds: 1 }];
  const results = [{ ...device, tolerations }];
  const claim = await makeClaim(h, [claimFinalizer]);
  const pod = await makePod(h, { resourceClaimName: "shared" }, { nodeName: "n1" });
  await setStatus(h, claim, { allocation: { devices: { results } }, reservedFor: [consumerOf(pod)] });
  const timeAdded = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const slice = (taints: object[]): ResourceSlice => ({
    metadata: { name: "s" },
    spec: {
      driver: "gpu.example.com",
      allNodes: true,
      pool: { name: "p", generation: 1, resourceSliceCount: 1 },
      devices: [{ name: "d", taints: taints as DeviceTaint[] }],
    },
  });
  await h.client.create(resourceSlices, slice([{ key: "sick", effect: "NoSchedule", timeAdded }]));
  await h.client.update(resourceSlices, slice([{ key: "sick", effect: "NoExecute", timeAdded }]));
  const going = await h.eventually("it is deleted", async () => {
    const now = await h.client.get(pods, { name: "web", namespace: NAMESPACE });
    return now.metadata.deletionTimestamp !== undefined && now;
  });
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(timeAdded) + 1000);
  expect(going.status?.conditions).toMatchObject([
    { type: "DisruptionTarget", status: "True", reason: "DeletionByDeviceTaintManager" },
  ]);
});

test("long names are cut in proportion", () => {
  expect(generatedName("web", "gpu")).toBe("web-gpu-");
  expect(generatedName("p".repeat(60), "c".repeat(60))).toBe(`${"p".repeat(28)}-${"c".repeat(28)}-`);
});
