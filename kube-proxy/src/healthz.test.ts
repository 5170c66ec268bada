import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import { serveHealthz } from "./healthz.ts";

test("the proxy is healthy once the rules are written, and not for new traffic on a node that is to be removed", async () => {
  let lastUpdated: number | undefined;
  let node: Node = { metadata: { name: "node-1" } };
  const handler = serveHealthz({ lastUpdated: () => lastUpdated, node: () => node, now: () => 2_000 });
  await using server = createServer((request, response) => {
    if (!handler(request, response)) response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`);
    return [response.status, await response.json()] as const;
  };
  expect((await ask())[0]).toBe(503);
  lastUpdated = 1_000;
  expect(await ask()).toEqual([
    200,
    {
      lastUpdated: "1970-01-01T00:00:01.000Z",
      currentTime: "1970-01-01T00:00:02.000Z",
      nodeEligible: true,
    },
  ]);
  node = { ...node, spec: { taints: [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }] } };
  expect(await ask()).toEqual([503, expect.objectContaining({ nodeEligible: false })]);
});
