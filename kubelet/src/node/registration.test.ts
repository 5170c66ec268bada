import type { Node, NodeStatus } from "@coracle/shared/api/generated/core-v1.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { Informer, InformerHandler } from "@coracle/shared/informer/informer.ts";
import { createLogger } from "@coracle/shared/log.ts";
import { afterEach, expect, test, vi } from "vitest";
import { nodeLabelsFor } from "./node-object.ts";
import { startRegistration } from "./registration.ts";

afterEach(() => vi.useRealTimers());

test("a status that others keep changing is put right once in a while, however many the changes", async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  const handlers: InformerHandler<Node>[] = [];
  const own: NodeStatus = { conditions: [{ type: "Ready", status: "True" }] };
  const other: Node = {
    metadata: { name: "n", labels: nodeLabelsFor("n") },
    status: { conditions: [{ type: "Ready", status: "Unknown" }] },
  };
  const writes: unknown[] = [];
  startRegistration({
    name: "n",
    client: { patch: async (...args: unknown[]) => void writes.push(args) } as unknown as Client,
    nodes: {
      get: () => other,
      on: (h: InformerHandler<Node>) => handlers.push(h),
    } as unknown as Informer<Node>,
    status: () => Promise.resolve(own),
    podCidr: () => undefined,
    event: () => undefined,
    log: createLogger("test"),
    signal: stop.signal,
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(writes).toHaveLength(1);
  const timers = vi.getTimerCount();
  for (let i = 0; i < 20; i++) {
    for (const handler of handlers) handler.update?.(other, other);
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(vi.getTimerCount()).toBe(timers + 1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(writes).toHaveLength(2);
  stop.abort();
  expect(vi.getTimerCount()).toBe(0);
});

test("a machine that was started anew is told of once", async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  const events: (string | undefined)[][] = [];
  const nodeInfo = { bootID: "old" } as NonNullable<NodeStatus["nodeInfo"]>;
  const known: Node = { metadata: { name: "n", labels: nodeLabelsFor("n") }, status: { nodeInfo } };
  let ready = "False";
  const registration = startRegistration({
    name: "n",
    client: { patch: async () => undefined } as unknown as Client,
    nodes: { get: () => known, on: () => undefined } as unknown as Informer<Node>,
    status: () =>
      Promise.resolve({
        nodeInfo: { ...nodeInfo, bootID: "new" },
        conditions: [{ type: "Ready", status: ready }],
      }),
    podCidr: () => undefined,
    event: (...event) => events.push(event),
    log: createLogger("test"),
    signal: stop.signal,
  });
  await vi.advanceTimersByTimeAsync(0);
  ready = "True";
  registration.changed();
  await vi.advanceTimersByTimeAsync(0);
  stop.abort();
  expect(events.filter(([reason]) => reason === "Rebooted")).toEqual([
    ["Rebooted", "Node n has been rebooted, boot id: new", "Warning"],
  ]);
});
