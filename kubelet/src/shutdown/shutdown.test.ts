import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { createLogger } from "@coracle/shared/log.ts";
import { describe, expect, it } from "vitest";
import { createEndWatch } from "../eviction/ended.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { testContainer } from "../stats/fixtures.ts";
import { createShutdown, delayedSignal, parseGrace, type ShutdownOptions } from "./shutdown.ts";

const log = createLogger("test");
log.level = "silent";
const makePod = (name: string, graceSeconds: number, priority = 0): Pod => ({
  metadata: { name, namespace: "default", uid: `uid-${name}` },
  spec: { containers: [], priority, terminationGracePeriodSeconds: graceSeconds },
});

describe("a node that goes", () => {
  const start = (more: Partial<ShutdownOptions> = {}) => {
    const steps: string[] = [];
    const over: Pod = { ...makePod("over", 1), status: { phase: "Succeeded" } };
    const shutdown = createShutdown({
      grace: { seconds: 30, criticalSeconds: 10 },
      pods: () => [makePod("dns", 60, 2e9), makePod("web", 60), makePod("quick", 5), over],
      end: (pod, order) =>
        void steps.push(`end ${pod.metadata.name} ${order.reason} ${order.graceSeconds} ${order.disruption}`),
      ended: async (pod) => {
        await Promise.resolve();
        steps.push(`ended ${pod.metadata.name}`);
      },
      publishNode: () => void steps.push("node"),
      flush: () => Promise.resolve(void steps.push("flush")),
      log,
      ...more,
    });
    return { shutdown, steps };
  };

  it("ends its pods within the grace, those it needs itself last", async () => {
    const { shutdown, steps } = start();
    expect([shutdown.began, shutdown.admit(), shutdown.notReady()]).toEqual([false, undefined, undefined]);
    await shutdown.run();
    expect(steps).toEqual([
      "node",
      "end web Terminated 20 true",
      "end quick Terminated 5 true",
      "ended web",
      "ended quick",
      "end dns Terminated 10 true",
      "ended dns",
      "flush",
    ]);
  });
  it("takes no more pods and is not ready", async () => {
    const { shutdown } = start();
    await shutdown.run();
    expect(shutdown.admit()?.reason).toBe("NodeShutdown");
    expect(shutdown.notReady()).toBe("node is shutting down");
  });
  it("does not wait longer than the grace, nor for an API that is away", async () => {
    const { shutdown, steps } = start({
      grace: { seconds: 0.04, criticalSeconds: 0.02 },
      ended: (_pod, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        }),
      flush: () => Promise.reject(new Error("the API is away")),
    });
    await shutdown.run();
    expect(steps.at(-1)).toBe("end dns Terminated 0.02 true");
  });
  it("stops the rest of the process only afterwards", async () => {
    const stop = new AbortController();
    const work = Promise.withResolvers<void>();
    const delayed = delayedSignal(stop.signal, () => work.promise);
    stop.abort();
    await Promise.resolve();
    expect(delayed.aborted).toBe(false);
    work.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(delayed.aborted).toBe(true);
  });
});

it.each([
  [undefined, undefined],
  ["0", undefined],
  ["30", { seconds: 30, criticalSeconds: 10 }],
  ["30,5", { seconds: 30, criticalSeconds: 5 }],
])("the setting %s means %o", (text, grace) => {
  expect(parseGrace(text)).toEqual(grace);
});
it.each(["x", "5,10", "-1", "1,2,3"])("the setting %s is refused", (text) => {
  expect(() => parseGrace(text)).toThrow(/grace period/);
});

it("the end of a pod is that of its last container", async () => {
  const containers = new Map<string, RuntimeContainer>(
    ["a", "b"].map((id) => [id, testContainer(id, "web", id)]),
  );
  let hear: (uid: string, c: RuntimeContainer | undefined, id: string) => void = () => undefined;
  const wait = createEndWatch({
    ofPod: () => containers.values(),
    onChange: (listener) => void (hear = listener),
  });
  const pod: Pod = { metadata: { name: "web", uid: "uid-web" } };
  let ended = false;
  const waiting = wait(pod, new AbortController().signal).then(() => (ended = true));
  const given = new AbortController();
  const impatient = wait(pod, given.signal);
  given.abort(new Error("too long"));
  await expect(impatient).rejects.toThrow("too long");
  containers.delete("a");
  hear("uid-web", undefined, "a");
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toBe(false);
  containers.set("b", testContainer("b", "web", "b", { state: "exited" }));
  hear("uid-web", containers.get("b"), "b");
  await waiting;
  expect(ended).toBe(true);
});
