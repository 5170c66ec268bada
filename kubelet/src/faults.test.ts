import fc from "fast-check";
import type { Pod, PodSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { expect, test } from "vitest";
import { noPodCgroups } from "./cgroups/pod-cgroups.ts";
import { LABEL, nodeLabels } from "./container/names.ts";
import { createFakeRuntime } from "./runtime/fake.ts";
import type { ContainerSpec, Runtime } from "./runtime/runtime.ts";
import { createHarness, NAMESPACE } from "./testing/harness.ts";

/** A call that never comes back: where the process was killed. */
const never = (): Promise<never> => new Promise(() => undefined);

const spec: PodSpec = {
  initContainers: [{ name: "first", image: "init:1" }],
  containers: [
    { name: "main", image: "app:1", volumeMounts: [{ name: "d", mountPath: "/d" }] },
    { name: "other", image: "app:1" },
  ],
  volumes: [{ name: "d", emptyDir: {} }],
};

/** Breaks at the n-th operation of the engine, as `kill -9` of the kubelet would, once. */
function breakable() {
  let left = Infinity;
  let broken: () => void = () => undefined;
  return {
    /** Resolves when it has broken. */
    after(operations: number): Promise<void> {
      left = operations;
      return new Promise((resolve) => (broken = resolve));
    },
    heal: () => void (left = Infinity),
    before: (): Promise<void> | void => {
      if (left === Infinity) return;
      left -= 1;
      if (left >= 0) return;
      broken();
      return never();
    },
  };
}

async function world() {
  const fault = breakable();
  const runtime = createFakeRuntime({
    before: fault.before,
    behaviour: ({ image }) => (image === "init:1" ? { exitAfterMs: 1 } : {}),
  });
  return { fault, runtime, node: await createHarness({ runtime, hollow: true }) };
}
const within = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("a kubelet killed between any two steps of a pod's start leaves a pod that the next one brings up, once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 20 }), async (operations) => {
      const { fault, runtime, node } = await world();
      await using _ = node;
      const broke = fault.after(operations);
      const pod = node.run("p", spec);
      await Promise.race([broke, within(150)]);
      fault.heal();
      await node.restart();
      await node.client.until(
        NAMESPACE,
        "p",
        (p) => p?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true,
      );
      const mine = { [LABEL.podUid]: pod.metadata.uid ?? "" };
      const running = (await runtime.list(mine)).filter((c) => c.state === "running");
      expect(running).toHaveLength(3);
    }),
    { numRuns: 40, examples: Array.from({ length: 16 }, (_, i): [number] => [i]) },
  );
}, 60_000);

test("a kubelet killed between any two steps of a pod's end leaves nothing behind in the end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 20 }), async (operations) => {
      const { fault, runtime, node } = await world();
      await using _ = node;
      const pod = node.run("p", spec);
      await node.client.until(NAMESPACE, "p", (p) => p?.status?.phase === "Running");
      const broke = fault.after(operations);
      node.deletePod("p");
      await Promise.race([broke, within(150)]);
      fault.heal();
      await node.restart();
      await node.client.until(NAMESPACE, "p", (p) => p === undefined);
      const mine = { [LABEL.podUid]: pod.metadata.uid ?? "" };
      await expect.poll(() => runtime.list(mine)).toEqual([]);
      await expect.poll(() => runtime.listVolumes(mine)).toEqual([]);
      expect(await node.kubelet().ctx.storage.pods()).toEqual([]);
    }),
    { numRuns: 40, examples: Array.from({ length: 16 }, (_, i): [number] => [i]) },
  );
}, 60_000);

test("a pod deleted while the kubelet was down is ended when it is back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 12 }), async (operations) => {
      const { fault, runtime, node } = await world();
      await using _ = node;
      const broke = fault.after(operations);
      const pod = node.run("p", spec);
      await Promise.race([broke, within(150)]);
      fault.heal();
      const { pods } = await import("@coracle/shared/api/resources.ts");
      await node.client.delete(pods, { namespace: NAMESPACE, name: "p" });
      await node.restart();
      const mine = { [LABEL.podUid]: pod.metadata.uid ?? "" };
      await expect.poll(() => runtime.list(mine)).toEqual([]);
      await expect.poll(() => runtime.listVolumes(mine)).toEqual([]);
      await expect.poll(() => node.kubelet().ctx.storage.pods()).toEqual([]);
    }),
    { numRuns: 20, examples: Array.from({ length: 12 }, (_, i): [number] => [i]) },
  );
}, 60_000);

test("what a node of the same name of another cluster has is left alone", async () => {
  const { runtime, node } = await world();
  await using _ = node;
  const labels = { ...nodeLabels({ ...node.identity, cluster: "other" }), [LABEL.podUid]: "theirs" };
  const id = await runtime.createSandbox({
    name: "theirs",
    labels,
    image: "pause:1",
    hostname: "theirs",
    network: { kind: "own" },
    hostIpc: false,
    hostPid: false,
    sysctls: {},
    volumes: [{ name: "theirs", target: "/d", mount: undefined }],
  });
  await runtime.start(id);
  await node.restart();
  const gone = node.run("p", spec).metadata.uid ?? "";
  await node.client.until(NAMESPACE, "p", (p) => p?.status?.phase === "Running");
  node.deletePod("p", 0);
  await expect.poll(() => runtime.list({ [LABEL.podUid]: gone })).toEqual([]);
  expect((await runtime.list(labels)).map((c) => c.state)).toEqual(["running"]);
  expect(await runtime.listVolumes(labels)).toHaveLength(1);
});

const ready = (p: Pod | undefined): boolean =>
  p?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;

test("when the engine has crashed every pod is up again, in a new sandbox", async () => {
  const runtime = createFakeRuntime({
    behaviour: ({ image }) => (image === "init:1" ? { exitAfterMs: 1 } : {}),
  });
  await using node = await createHarness({ runtime, hollow: true });
  const names = Array.from({ length: 30 }, (_, i) => `p${i}`);
  for (const name of names) node.run(name, { ...spec, restartPolicy: "Always" });
  await Promise.all(names.map((name) => node.client.until(NAMESPACE, name, ready)));
  runtime.crash();
  const back = (p: Pod | undefined): boolean =>
    ready(p) && p?.status?.containerStatuses?.[0]?.restartCount === 1;
  await Promise.all(names.map((name) => node.client.until(NAMESPACE, name, back)));
  const all = await runtime.list({ [LABEL.node]: node.identity.node });
  expect(all.filter((c) => c.state === "running")).toHaveLength(30 * 3);
}, 30_000);

test("a clock that jumps ahead ends no pod before its deadline, one that is set back none too late", async () => {
  let offset = 0;
  const runtime = createFakeRuntime();
  await using node = await createHarness({ runtime, hollow: true, now: () => Date.now() + offset });
  const deadline = (activeDeadlineSeconds: number): PodSpec => ({
    containers: [{ name: "main", image: "app:1" }],
    activeDeadlineSeconds,
  });
  node.run("patient", deadline(3_600));
  node.run("short", deadline(2));
  for (const name of ["patient", "short"]) await node.client.until(NAMESPACE, name, ready);
  offset = 7_200_000;
  const run = [...node.kubelet().pods.runs()].find(({ pod }) => pod.metadata.name === "patient");
  run?.wake();
  offset = -3_600_000;
  await node.client.until(NAMESPACE, "short", (p) => p?.status?.reason === "DeadlineExceeded");
  expect(node.client.pod(NAMESPACE, "patient")?.status).toMatchObject({ phase: "Running" });
  expect(run?.stop).toBeUndefined();
});

test("a clock that is set back keeps no pod from its restart, nor its end", async () => {
  let offset = 0;
  const runtime = createFakeRuntime({ behaviour: () => ({ exitAfterMs: 20, exitCode: 1 }) });
  await using node = await createHarness({ runtime, hollow: true, now: () => Date.now() + offset });
  node.run("p", { containers: [{ name: "main", image: "app:1" }] });
  await node.client.until(NAMESPACE, "p", (p) => p?.status?.containerStatuses?.[0]?.restartCount === 1);
  offset = -3_600_000;
  const run = [...node.kubelet().pods.runs()][0];
  await node.client.until(
    NAMESPACE,
    "p",
    (p) => p?.status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff",
  );
  expect((run?.plan?.wakeAt ?? Infinity) - performance.now()).toBeLessThan(10_001);
  node.deletePod("p", 1);
  await node.client.until(NAMESPACE, "p", (p) => p === undefined);
});

test("an image that cannot be looked up for a moment holds its pod up, and nothing else", async () => {
  const runtime = createFakeRuntime();
  let failures = 2;
  const image: Runtime["image"] = (reference) =>
    failures-- > 0 ? Promise.reject(new Error("the engine is restarted")) : runtime.image(reference);
  await using node = await createHarness({ runtime: { ...runtime, image }, hollow: true });
  node.run("p", { containers: [{ name: "main", image: "app:1" }] });
  await node.client.until(NAMESPACE, "p", ready);
  expect(failures).toBeLessThan(0);
});

test("where no control group can be made around a pod, it runs, and each container has the pod's limits", async () => {
  const cgroups = { ...noPodCgroups, set: () => Promise.reject(new Error("read-only file system")) };
  const runtime = createFakeRuntime();
  const made: ContainerSpec[] = [];
  const createContainer: Runtime["createContainer"] = (wanted) => {
    made.push(wanted);
    return runtime.createContainer(wanted);
  };
  await using node = await createHarness({
    runtime: { ...runtime, createContainer },
    hollow: true,
    cgroups,
  });
  const resources = { limits: { memory: "64Mi" } };
  node.run("p", { containers: [{ name: "main", image: "app:1" }], resources });
  await node.client.until(NAMESPACE, "p", ready);
  expect(made.map((c) => [c.cgroup, c.resources.memoryBytes])).toEqual([[undefined, 64 * 2 ** 20]]);
});
