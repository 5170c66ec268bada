import { expect, test, vi } from "vitest";
import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import { endpoints, endpointSlices, nodes, pods, services } from "@coracle/shared/api/resources.ts";
import { NAMESPACE, startHarness, type Harness } from "../testing/harness.ts";
import { endpointsController } from "./endpoints.ts";
import { endpointSliceController } from "./endpointslice/endpointslice.ts";

const service = (spec: object = {}): Service => ({
  metadata: { name: "web", namespace: NAMESPACE, labels: { tier: "front" } },
  spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: "http" }], ...spec },
});
const addPod = (h: Harness, name: string, containerPort = 8080): Promise<unknown> =>
  h.client.create(pods, {
    metadata: { name, namespace: NAMESPACE, labels: { app: "web" } },
    spec: { containers: [{ name: "c", image: "nginx", ports: [{ name: "http", containerPort }] }] },
  });
const start = (kubelet = true): Promise<Harness> =>
  startHarness({ controllers: [endpointsController(), endpointSliceController()], kubelet });

test("ready pods become endpoints in both forms, under the target port's number", async () => {
  await using h = await start();
  await h.client.create(services, service());
  await addPod(h, "a");
  await addPod(h, "b");
  const [slice] = await h.eventually("two ready endpoints", async () => {
    const slices = await h.list(endpointSlices);
    return slices[0]?.endpoints?.filter((e) => e.conditions?.ready).length === 2 && slices;
  });
  expect(slice?.metadata.labels).toEqual({
    tier: "front",
    "kubernetes.io/service-name": "web",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
  });
  expect(slice?.ports).toEqual([{ name: "http", port: 8080, protocol: "TCP" }]);
  expect(slice?.metadata.ownerReferences?.[0]).toMatchObject({ kind: "Service", name: "web" });
  const legacy = await h.eventually("Endpoints", async () => {
    const e = await h.client.get(endpoints, { name: "web", namespace: NAMESPACE });
    return e.subsets?.[0]?.addresses?.length === 2 && e;
  });
  expect(legacy.subsets?.[0]?.ports).toEqual([{ name: "http", port: 8080, protocol: "TCP" }]);
});

test("a Service without pods has an empty slice, and loses its Endpoints with itself", async () => {
  await using h = await start();
  await h.client.create(services, service());
  await h.eventually("a placeholder", async () => {
    const [slice] = await h.list(endpointSlices);
    return slice && (slice.endpoints ?? []).length === 0;
  });
  await h.client.delete(services, { name: "web", namespace: NAMESPACE });
  await h.eventually("no Endpoints", async () => (await h.list(endpoints)).length === 0);
});

test("a pod without the named port is an endpoint without ports, and in no Endpoints", async () => {
  await using h = await start();
  await h.client.create(services, service());
  await h.client.create(pods, {
    metadata: { name: "a", namespace: NAMESPACE, labels: { app: "web" } },
    spec: { containers: [{ name: "c", image: "nginx" }] },
  });
  const [slice] = await h.eventually("an endpoint", async () => {
    const slices = await h.list(endpointSlices);
    return slices[0]?.endpoints?.length === 1 && slices;
  });
  expect(slice?.ports ?? []).toEqual([]);
  expect((await h.list(endpoints))[0]).not.toHaveProperty("subsets");
});

test("pods that are not ready are told apart, and wanted when the Service publishes them", async () => {
  await using h = await start(false);
  await h.client.create(services, service());
  await addPod(h, "a");
  await h.client.patch(
    pods,
    { name: "a", namespace: NAMESPACE },
    { type: "merge", body: { status: { podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }] } } },
    { subresource: "status" },
  );
  await h.eventually("not ready", async () => {
    const e = await h.client.get(endpoints, { name: "web", namespace: NAMESPACE });
    return e.subsets?.[0]?.notReadyAddresses?.[0]?.ip === "10.0.0.1";
  });
  const [slice] = await h.list(endpointSlices);
  expect(slice?.endpoints?.[0]?.conditions).toEqual({ ready: false, serving: false, terminating: false });
  await h.client.patch(
    services,
    { name: "web", namespace: NAMESPACE },
    { type: "merge", body: { spec: { publishNotReadyAddresses: true } } },
  );
  await h.eventually("published", async () => {
    const [s] = await h.list(endpointSlices);
    return s?.endpoints?.[0]?.conditions?.ready;
  });
});

test("a node that moves to another zone takes its endpoints there at once", async () => {
  await using h = await start();
  const zone = "topology.kubernetes.io/zone";
  const node = await h.client.create(nodes, { metadata: { name: "here", labels: { [zone]: "a" } } });
  await h.client.create(services, service({ trafficDistribution: "PreferSameZone" }));
  await h.client.create(pods, {
    metadata: { name: "a", namespace: NAMESPACE, labels: { app: "web" } },
    spec: {
      nodeName: "here",
      containers: [{ name: "c", image: "nginx", ports: [{ name: "http", containerPort: 80 }] }],
    },
  });
  const inZone = (name: string): Promise<unknown> =>
    h.eventually(`an endpoint in ${name}`, async () => {
      const [endpoint] = (await h.list(endpointSlices))[0]?.endpoints ?? [];
      return endpoint?.zone === name && endpoint.hints?.forZones?.[0]?.name === name;
    });
  await inZone("a");
  // Of a thousand nodes that are told of at a start, each would look through all endpoints.
  const list = vi.spyOn(h.ctx.informers.for(endpointSlices), "list");
  await h.client.update(nodes, { ...node, metadata: { ...node.metadata, labels: { [zone]: "b" } } });
  await inZone("b");
  expect(list).not.toHaveBeenCalled();
});

test("a pod whose node is gone is no endpoint, unless the Service publishes whatever there is", async () => {
  await using h = await start();
  await h.client.create(nodes, { metadata: { name: "here" } });
  await h.client.create(services, service());
  for (const nodeName of ["here", "gone"])
    await h.client.create(pods, {
      metadata: { name: nodeName, namespace: NAMESPACE, labels: { app: "web" } },
      spec: {
        nodeName,
        containers: [{ name: "c", image: "nginx", ports: [{ name: "http", containerPort: 80 }] }],
      },
    });
  const names = async (): Promise<string[]> =>
    ((await h.list(endpointSlices))[0]?.endpoints ?? []).map((e) => e.nodeName ?? "").toSorted();
  await h.eventually("the one that has a node", async () => (await names()).join() === "here");
  await h.eventually("an event", async () =>
    h.events.some((e) => e.startsWith("FailedToUpdateEndpointSlices") && e.includes("Node gone Not Found")),
  );
  await h.client.patch(
    services,
    { name: "web", namespace: NAMESPACE },
    { type: "merge", body: { spec: { publishNotReadyAddresses: true } } },
  );
  await h.eventually("both", async () => (await names()).join() === "gone,here");
});
