import { endpointSlices, nodes, pods, services } from "@coracle/shared/api/resources.ts";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import { expect, test } from "vitest";
import { raw } from "../../../testing/raw.ts";
import { startInProcess, type InProcessApi } from "../../../testing/in-process.ts";

const at = (name: string) => ({ name, namespace: "default" });
const path = (service: string): string => `/api/v1/namespaces/default/services/${service}/proxy/`;

/** A Service whose endpoints are these, on a cluster of which one node is ready. Nodes answer nothing, but are asked. */
async function serving(endpoints: object[]): Promise<InProcessApi & AsyncDisposable & { asked: object[] }> {
  const asked: object[] = [];
  const api = await startInProcess({
    openNode: (node, verb, message) => {
      asked.push({ node, verb, ...message });
      return Promise.reject(serviceUnavailable("away"));
    },
  });
  for (const name of ["silent", "ready"]) {
    await api.client.create(nodes, { metadata: { name } });
    const conditions = [{ type: "Ready", status: name === "ready" ? "True" : "Unknown" }];
    await api.client.patch(
      nodes,
      { name },
      { type: "merge", body: { status: { conditions } } },
      { subresource: "status" },
    );
  }
  await api.client.create(services, { metadata: at("web"), spec: { ports: [{ port: 80 }] } });
  await api.client.create(endpointSlices, {
    metadata: { ...at("web-1"), labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    endpoints: endpoints as { addresses: string[] }[],
    ports: [{ name: "", port: 8080 }],
  });
  return { ...api, asked };
}

test("an endpoint that is a pod is reached through its node, another one through any that is ready", async () => {
  const targetRef = { kind: "Pod", ...at("web") };
  await using api = await serving([{ addresses: ["10.244.0.9"], targetRef }]);
  await raw(api, "GET", path("web"));
  await api.client.create(pods, {
    metadata: at("web"),
    spec: { nodeName: "silent", containers: [{ name: "c", image: "i" }] },
  });
  await api.client.patch(
    pods,
    at("web"),
    { type: "merge", body: { status: { podIP: "10.244.0.9" } } },
    { subresource: "status" },
  );
  await raw(api, "GET", path("https:web:80"));
  expect(api.asked).toEqual([
    { node: "ready", verb: "proxy", target: "address", address: "10.244.0.9", port: 8080, scheme: "http" },
    expect.objectContaining({ node: "silent", target: "pod", pod: "web", port: 8080, scheme: "https" }),
  ]);
});

test("without a ready endpoint the client is told at once, and not to come again", async () => {
  await using api = await serving([{ addresses: ["192.0.2.1"], conditions: { ready: false } }]);
  const { status, body } = await raw(api, "GET", path("web"));
  expect(status).toBe(503);
  expect(body).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: 'no endpoints available for service "web"',
    reason: "ServiceUnavailable",
    code: 503,
  });
  expect(api.asked).toEqual([]);
});
