import { nodes, pods } from "@coracle/shared/api/resources.ts";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import { expect, it } from "vitest";
import { startInProcess, type InProcessApi } from "../../testing/in-process.ts";
import type { OpenNodeStream } from "../registry.ts";

const usage = (nanoCores: number, bytes: number) => ({
  cpu: { time: "2026-11-23T00:00:00Z", usageNanoCores: nanoCores },
  memory: { time: "2026-11-23T00:00:00Z", workingSetBytes: bytes },
});
const answering = (summary: object): DuplexChannels =>
  ({
    async *receive() {
      const text = Buffer.from(JSON.stringify(summary));
      yield { channel: 1, data: text.subarray(0, 40) };
      yield { channel: 1, data: text.subarray(40) };
    },
    end: () => undefined,
  }) as unknown as DuplexChannels;

/** Two nodes, of which one is away, with a pod on each and one that is on none. */
async function cluster(): Promise<InProcessApi & AsyncDisposable & { asked: string[] }> {
  const asked: string[] = [];
  let uid = "";
  const openNode: OpenNodeStream = (node, verb) => {
    asked.push(`${node} ${verb}`);
    if (node !== "node-1") return Promise.reject(serviceUnavailable("away"));
    return Promise.resolve(
      answering({
        node: { nodeName: "node-1", ...usage(250e6, 512 << 20) },
        pods: [
          {
            podRef: { name: "web", namespace: "default", uid },
            containers: [
              { name: "a", ...usage(100e6, 2048) },
              { name: "b", ...usage(50e6, 4096) },
              { name: "new", memory: usage(0, 1).memory },
            ],
          },
        ],
        windowMs: 10_003,
      }),
    );
  };
  const api = await startInProcess({ openNode });
  const create = (name: string, nodeName: string | undefined) =>
    api.client.create(pods, {
      metadata: { name, namespace: "default", labels: { app: name } },
      spec: { containers: [{ name: "a", image: "x" }], ...(nodeName ? { nodeName } : {}) },
    });
  for (const name of ["node-1", "node-2"])
    await api.client.create(nodes, { metadata: { name, labels: { zone: name } } });
  uid = (await create("web", "node-1")).metadata.uid ?? "";
  await create("away", "node-2");
  await create("pending", undefined);
  return { ...api, asked };
}

async function get(api: InProcessApi, path: string, accept = "application/json"): Promise<unknown> {
  const headers = { accept };
  const { body } = await api.client.request("GET", `/apis/metrics.k8s.io/v1beta1/${path}`, { headers });
  return JSON.parse(Buffer.from(body).toString());
}

it("pods have the figures of their containers; those that no node tells of are left out", async () => {
  await using api = await cluster();
  expect(await get(api, "pods")).toMatchObject({
    kind: "PodMetricsList",
    items: [
      {
        metadata: { name: "web", namespace: "default", labels: { app: "web" } },
        window: "10.003s",
        containers: [
          { name: "a", usage: { cpu: "100000000n", memory: "2Ki" } },
          { name: "b", usage: { cpu: "50000000n", memory: "4Ki" } },
        ],
      },
    ],
  });
  expect(await get(api, "namespaces/default/pods?labelSelector=app%3Dother")).toMatchObject({ items: [] });
  expect(await get(api, "namespaces/default/pods/web")).toMatchObject({ kind: "PodMetrics" });
  await expect(get(api, "namespaces/default/pods/away")).rejects.toThrow(
    'pods.metrics.k8s.io "away" not found',
  );
});

it("nodes have theirs, and a node is asked once for all who want to know", async () => {
  await using api = await cluster();
  const [list, one] = await Promise.all([get(api, "nodes"), get(api, "nodes/node-1"), get(api, "pods")]);
  expect(list).toMatchObject({
    kind: "NodeMetricsList",
    items: [{ metadata: { name: "node-1" }, usage: { cpu: "250000000n", memory: "524288Ki" } }],
  });
  expect(one).toMatchObject({ kind: "NodeMetrics", metadata: { labels: { zone: "node-1" } } });
  expect(api.asked.toSorted()).toEqual(["node-1 stats", "node-2 stats"]);
});

it("prints as a table with the sum of a pod", async () => {
  await using api = await cluster();
  const table = (await get(api, "pods", "application/json;as=Table;v=v1;g=meta.k8s.io")) as {
    columnDefinitions: { name: string }[];
    rows: { cells: string[] }[];
  };
  expect(table.columnDefinitions.map((c) => c.name)).toEqual(["Name", "CPU", "Memory", "Window"]);
  expect(table.rows.map((r) => r.cells)).toEqual([["web", "150m", "6Ki", "10.003s"]]);
});
