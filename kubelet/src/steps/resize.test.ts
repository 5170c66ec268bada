import { setTimeout as sleep } from "node:timers/promises";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { pods } from "@coracle/shared/api/resources.ts";
import { podRequests } from "@coracle/shared/meta/pods.ts";
import { expect, test } from "vitest";
import { createFakeRuntime } from "../runtime/fake.ts";
import { createHarness, NAMESPACE } from "../testing/harness.ts";

const CPU_OF_NODE = 1000;
const specOf = (cpu: string): NonNullable<Pod["spec"]> => ({
  containers: [{ name: "main", image: "app:1", resources: { requests: { cpu } } }],
});
const given = (pod: Pod | undefined): string | undefined =>
  pod?.status?.containerStatuses?.[0]?.allocatedResources?.["cpu"];
const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;
const pending = (pod: Pod | undefined): string | undefined =>
  pod?.status?.conditions?.find((c) => c.type === "PodResizePending")?.reason;

test("a resize that waits for room is made as soon as another pod has given some back", async () => {
  let asked = 0;
  await using node = await createHarness({
    runtime: createFakeRuntime(),
    hollow: true,
    admit: (pod, manager) => {
      asked += 1;
      const others = [...manager.runs()]
        .map((run) => run.pod)
        .filter((p) => p.metadata.uid !== pod.metadata.uid);
      const used = [pod, ...others].reduce((sum, p) => sum + (podRequests(p)["cpu"] ?? 0), 0);
      return used > CPU_OF_NODE ? { reason: "OutOfcpu", message: "too little cpu" } : undefined;
    },
  });
  const until = (name: string, test: (pod: Pod | undefined) => boolean): Promise<Pod> =>
    node.client.until(NAMESPACE, name, test, 10_000);
  /** What the kubelet hears from the API. */
  const hear = (pod: Pod): void => node.kubelet().pods.setPod(pod);
  const resize = (pod: Pod, cpu: string): void => {
    const wanted = { ...pod, metadata: { ...pod.metadata, generation: 2 }, spec: specOf(cpu) };
    node.client.put(pods, wanted);
    hear(wanted);
  };
  node.run("small", specOf("300m"));
  node.run("large", specOf("600m"));
  const [small, large] = await Promise.all([until("small", isReady), until("large", isReady)]);
  hear(large);

  resize(small, "500m");
  await until("small", (pod) => pending(pod) === "Deferred");
  // Only what the other pod does is to wake it from here on.
  for (let before = -1; before !== asked;) {
    before = asked;
    await sleep(50);
  }
  resize(large, "400m");
  hear(await until("large", (pod) => given(pod) === "400m"));
  const made = await until("small", (pod) => given(pod) === "500m");
  expect(pending(made)).toBeUndefined();
});
