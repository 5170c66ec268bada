import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import { describe, expect, test } from "vitest";
import { startInProcess, type InProcessApi } from "../testing/in-process.ts";
import { raw, rawWatch } from "../testing/raw.ts";
import { createAuthority, startTlsServer, type TlsServer } from "./tls-server.test-support.ts";

const services = "/apis/apiregistration.k8s.io/v1/apiservices";
const name = "v1.wardle.example.com";

const resources = {
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: "wardle.example.com/v1",
  resources: [
    {
      name: "flunders",
      singularName: "flunder",
      namespaced: true,
      kind: "Flunder",
      verbs: ["get", "list"],
      shortNames: ["fl"],
    },
    { name: "flunders/status", singularName: "", namespaced: true, kind: "Flunder", verbs: ["get"] },
  ],
};

/** An extension server as the Service `wardle` in `default` has it. */
async function startExtension(): Promise<{
  server: TlsServer;
  frontProxy: { ca: string; client: { cert: string; key: string } };
}> {
  const clients = await createAuthority("front-proxy");
  const client = await clients.issue("front-proxy-client", ["front-proxy-client"]);
  const server = await startTlsServer({ names: ["wardle.default.svc"], clients }, ({ path, headers }) => {
    if (path === "/apis/wardle.example.com/v1") return { body: resources };
    if (path.startsWith("/apis/wardle.example.com/v1/namespaces/default/flunders"))
      return {
        body: { kind: "FlunderList", items: [], user: headers["x-remote-user"] },
        headers: { "x-served-by": "wardle" },
      };
    return { status: 404, body: { kind: "Status", code: 404 } };
  });
  return { server, frontProxy: { ca: clients.pem, client } };
}

async function addService(api: InProcessApi, { port }: TlsServer): Promise<void> {
  await raw(api, "POST", "/api/v1/namespaces", { body: { metadata: { name: "default" } } });
  await raw(api, "POST", "/api/v1/namespaces/default/services", {
    body: { metadata: { name: "wardle" }, spec: { clusterIP: "None", ports: [{ port: 443 }] } },
  });
  await addEndpoints(api, port);
}

async function addEndpoints(api: InProcessApi, port: number): Promise<void> {
  const key = { resource: "endpointslices.discovery.k8s.io", namespace: "default", name: "wardle-1" };
  const slice = {
    kind: "EndpointSlice",
    apiVersion: "discovery.k8s.io/v1",
    metadata: { name: "wardle-1", namespace: "default", labels: { "kubernetes.io/service-name": "wardle" } },
    addressType: "IPv4",
    ports: [{ name: "", port }],
    endpoints: [{ addresses: ["127.0.0.1"] }],
  };
  await api.registry.store.create(key, JSON.stringify(slice));
}

const register = (api: InProcessApi, { caBundle }: TlsServer) =>
  raw<APIService>(api, "POST", services, {
    body: {
      metadata: { name },
      spec: {
        group: "wardle.example.com",
        version: "v1",
        service: { namespace: "default", name: "wardle" },
        caBundle,
        groupPriorityMinimum: 1000,
        versionPriority: 15,
      },
    },
  });

/** Waits for an APIService's condition. */
async function until(api: InProcessApi, reason: string): Promise<APIService> {
  await using watch = await rawWatch(api, `${services}?watch=true&fieldSelector=metadata.name%3D${name}`);
  for (let event = await watch.next(); event; event = await watch.next()) {
    const service = event.object as unknown as APIService;
    if (service.status?.conditions?.some((c) => c.type === "Available" && c.reason === reason))
      return service;
  }
  throw new Error("the watch ended");
}

describe("an extension server", () => {
  test("answers for its group, and is told who asks", async () => {
    const { server, frontProxy } = await startExtension();
    await using extension = server;
    await using api = await startInProcess({ aggregation: { frontProxy } });
    await addService(api, extension);
    const created = await register(api, extension);
    expect(created.status, created.text).toBe(201);
    await until(api, "Passed");

    const user = { username: "alice", groups: ["devs"], extra: { "example.com/x": ["1"] } };
    const path = "/apis/wardle.example.com/v1/namespaces/default/flunders?limit=5";
    const answer = await raw(api, "GET", path, {
      user,
      headers: { authorization: "Bearer secret", "x-remote-user": "root" },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers["x-served-by"]).toBe("wardle");
    expect(answer.body).toMatchObject({ user: "alice" });
    const asked = extension.asked.at(-1);
    expect(asked?.clientName).toBe("front-proxy-client");
    expect(asked?.path).toBe("/apis/wardle.example.com/v1/namespaces/default/flunders?limit=5");
    expect(asked?.headers).toMatchObject({ "x-remote-user": "alice", "x-remote-group": "devs" });
    expect(asked?.headers["x-remote-extra-example.com%2fx"]).toBe("1");
    expect(asked?.headers["authorization"]).toBeUndefined();
    expect((await raw(api, "GET", "/apis/wardle.example.com/v1/nothing")).status).toBe(404);
  });

  test("is part of discovery as long as it is registered", async () => {
    const { server, frontProxy } = await startExtension();
    await using extension = server;
    await using api = await startInProcess({ aggregation: { frontProxy } });
    await addService(api, extension);
    await register(api, extension);
    await until(api, "Passed");
    const groups = async (): Promise<string[]> =>
      (await raw<{ groups: { name: string }[] }>(api, "GET", "/apis")).body.groups.map((g) => g.name);
    expect(await groups()).toContain("wardle.example.com");
    const document = await raw<{
      items: { metadata: { name: string }; versions: { resources: object[] }[] }[];
    }>(api, "GET", "/apis", {
      headers: { accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" },
    });
    const group = document.body.items.find((item) => item.metadata.name === "wardle.example.com");
    expect(group?.versions[0]?.resources[0]).toMatchObject({
      resource: "flunders",
      shortNames: ["fl"],
      verbs: ["get", "list"],
      subresources: [{ subresource: "status" }],
    });
    await raw(api, "DELETE", `${services}/${name}`);
    expect(await groups()).not.toContain("wardle.example.com");
    expect((await raw(api, "GET", "/apis/wardle.example.com/v1")).status).toBe(404);
  });

  test("that is not there makes its group unavailable until it comes", async () => {
    const { server, frontProxy } = await startExtension();
    await using extension = server;
    await using api = await startInProcess({ aggregation: { frontProxy } });
    await register(api, extension);
    const lost = await until(api, "ServiceNotFound");
    expect(lost.status?.conditions?.[0]).toMatchObject({
      status: "False",
      message: 'service/wardle in "default" is not present',
    });
    expect((await raw(api, "GET", "/apis/wardle.example.com/v1/flunders")).status).toBe(503);
    await addService(api, extension);
    await until(api, "Passed");
    expect((await raw(api, "GET", "/apis/wardle.example.com/v1/namespaces/default/flunders")).status).toBe(
      200,
    );
  });
});

test("what this server serves itself is registered, and definitions' groups come and go", async () => {
  await using api = await startInProcess({ aggregation: { registerLocal: true } });
  await using watch = await rawWatch(api, `${services}?watch=true`);
  const seen = async (wanted: string): Promise<APIService> => {
    for (let event = await watch.next(); event; event = await watch.next())
      if (`${event.type} ${event.object.metadata?.name}` === wanted)
        return event.object as unknown as APIService;
    throw new Error("the watch ended");
  };
  expect(await seen("ADDED v1.apps")).toMatchObject({
    metadata: { labels: { "kube-aggregator.kubernetes.io/automanaged": "onstart" } },
    spec: { group: "apps", version: "v1" },
    status: { conditions: [{ type: "Available", status: "True", reason: "Local" }] },
  });
  const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  await raw(api, "POST", crds, {
    body: {
      metadata: { name: "things.example.com" },
      spec: {
        group: "example.com",
        scope: "Cluster",
        names: { plural: "things", kind: "Thing" },
        versions: [{ name: "v1", served: true, storage: true, schema }],
      },
    },
  });
  expect(await seen("ADDED v1.example.com")).toMatchObject({
    metadata: { labels: { "kube-aggregator.kubernetes.io/automanaged": "true" } },
  });
  await raw(api, "DELETE", `${crds}/things.example.com`);
  await seen("DELETED v1.example.com");
});
