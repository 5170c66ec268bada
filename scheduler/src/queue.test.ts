import { expect, test } from "vitest";
import type { ClusterEvent, Plugin } from "./framework.ts";
import { createNodeInfo } from "./node-info.ts";
import { podInfo } from "./pod-info.ts";
import { createSchedulingQueue } from "./queue.ts";
import { makePod } from "./testing.ts";

function setUp() {
  let time = 0;
  const timers: { at: number; callback: () => void }[] = [];
  const fit: Plugin = { name: "Fit", helps: (event) => event.kind === "pod-deleted" };
  const affinity: Plugin = { name: "Affinity", helps: (event) => event.kind === "node-added" };
  const queue = createSchedulingQueue({
    plugins: [fit, affinity],
    now: () => time,
    setTimer: (callback, ms) => timers.push({ at: time + ms, callback }),
    onReady: () => undefined,
  });
  const advance = (ms: number): void => {
    time += ms;
    for (const timer of timers.splice(0))
      if (timer.at <= time) timer.callback();
      else timers.push(timer);
  };
  const names = (): string[] => {
    const found: string[] = [];
    for (let next = queue.pop(); next; next = queue.pop()) found.push(next.info.pod.metadata.name ?? "");
    return found;
  };
  return { queue, advance, names };
}
const info = (name: string, priority = 0) => podInfo(makePod(name, { spec: { priority } }));
const podDeleted: ClusterEvent = { kind: "pod-deleted", pod: info("other") };
const nodeAdded: ClusterEvent = { kind: "node-added", node: createNodeInfo("n") };

test("higher priority first, then who came first", () => {
  const { queue, advance, names } = setUp();
  queue.add(info("a"));
  advance(1);
  queue.add(info("b"));
  queue.add(info("c", 5));
  expect(names()).toEqual(["c", "a", "b"]);
});

test("a refused pod is woken only by an event that may help the plugin that refused it", () => {
  const { queue, advance, names } = setUp();
  queue.add(info("a"));
  const tried = queue.pop();
  if (!tried) throw new Error("nothing to try");
  queue.failed(tried, new Set(["Fit"]));
  advance(5_000);
  queue.onEvent(nodeAdded);
  expect(names()).toEqual([]);
  queue.onEvent(podDeleted);
  expect(names()).toEqual(["a"]);
});

test("the back-off is waited out, and doubles from 1 s to 10 s", () => {
  const { queue, advance, names } = setUp();
  queue.add(info("a"));
  for (const wait of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    const tried = queue.pop();
    if (!tried) throw new Error(`not ready before ${wait}`);
    queue.failed(tried, new Set(["Fit"]));
    queue.onEvent(podDeleted);
    advance(wait - 1);
    expect(queue.pop()).toBeUndefined();
    advance(1);
  }
  expect(names()).toEqual(["a"]);
});

test("an event during the try is not missed", () => {
  const { queue, advance, names } = setUp();
  queue.add(info("a"));
  const tried = queue.pop();
  queue.onEvent(podDeleted);
  if (tried) queue.failed(tried, new Set(["Fit"]));
  advance(1_000);
  expect(names()).toEqual(["a"]);
});

test("a pod that left is not tried again", () => {
  const { queue, names } = setUp();
  queue.add(info("a"));
  queue.remove("uid-a");
  expect(names()).toEqual([]);
  expect(queue.size).toBe(0);
});

test("what waits very long is tried again, in case a hint was wrong", () => {
  const { queue, advance, names } = setUp();
  queue.add(info("a"));
  const tried = queue.pop();
  if (tried) queue.failed(tried, new Set(["Affinity"]));
  advance(301_000);
  queue.flushStale(300_000);
  expect(names()).toEqual(["a"]);
});
