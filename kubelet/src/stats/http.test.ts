import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { testContainer, testHost, testStats } from "./fixtures.ts";
import { createKubeletHttp } from "./http.ts";
import { createStats } from "./stats.ts";

const containers = [testContainer("s1", "web", undefined), testContainer("a1", "web", "nginx")];
const pods = [{ metadata: { name: "web", namespace: "default", uid: "uid-web" } }];
const stats = createStats({
  node: "node-1",
  runtime: { stats: () => Promise.resolve(testStats(Date.now(), Date.now() * 1e6)) },
  containers: () => containers,
  ofPod: () => containers,
  pods: () => pods,
  dataDirectory: "/",
  engineDirectory: "/",
  signal: new AbortController().signal,
  host: testHost(() => Date.now() * 1e6),
});
let allowed = true;
const handler = createKubeletHttp({
  stats,
  pods: () => pods,
  containers: () => containers,
  configuration: () => ({ maxPods: 110 }),
  isAllowed: () => allowed,
  probes: () => Promise.resolve(""),
});
const server = createServer((request, response) => {
  if (!handler(request, response)) response.writeHead(404).end();
});
let base = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

const get = async (path: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(base + path);
  return { status: response.status, text: await response.text() };
};

it("serves the summary, the pods and the configuration as JSON", async () => {
  const summary = JSON.parse((await get("/stats/summary?only_cpu_and_memory=true")).text) as {
    pods: { containers: { cpu: { usageNanoCores: number } }[] }[];
  };
  expect(summary.pods[0]?.containers[0]?.cpu.usageNanoCores).toBeGreaterThan(0.9e9);
  expect(JSON.parse((await get("/pods")).text)).toMatchObject({ kind: "PodList", items: pods });
  expect(JSON.parse((await get("/configz")).text)).toEqual({ kubeletconfig: { maxPods: 110 } });
});
it("tells what runs, by pod and without sandboxes", async () => {
  expect(JSON.parse((await get("/runningpods/")).text)).toEqual({
    kind: "PodList",
    apiVersion: "v1",
    metadata: {},
    items: [
      {
        metadata: { name: "web", namespace: "default", uid: "uid-web" },
        spec: { containers: [{ name: "nginx", image: "busybox:1.36" }] },
        status: {},
      },
    ],
  });
});
it("tells nothing to those whom the API server has not let through", async () => {
  allowed = false;
  for (const path of ["/pods", "/runningpods/", "/configz", "/stats/summary", "/metrics/resource"])
    expect(await get(path)).toEqual({ status: 403, text: "Forbidden" });
  expect((await get("/other")).status).toBe(404);
  allowed = true;
});
it("serves both texts of metrics", async () => {
  expect((await get("/metrics/resource")).text).toContain('container="nginx"');
  expect((await get("/metrics/cadvisor")).text).toContain("machine_memory_bytes 8000000000");
});
it("leaves other paths to others and refuses other methods", async () => {
  expect((await get("/healthz")).status).toBe(404);
  expect((await fetch(`${base}/pods`, { method: "POST" })).status).toBe(405);
});
