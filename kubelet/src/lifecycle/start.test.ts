import { configMaps } from "@coracle/shared/api/resources.ts";
import { expect, test, vi } from "vitest";
import { createHollowNetwork } from "../network/hollow.ts";
import { createFakeRuntime } from "../runtime/fake.ts";
import { createHarness, NAMESPACE } from "../testing/harness.ts";

test("a container that fails to start and is not to be tried again has ended so", async () => {
  const runtime = createFakeRuntime();
  const failing = {
    ...runtime,
    start: async (id: string) => {
      const labels = (await runtime.inspect(id))?.labels ?? {};
      if (labels["io.coracle.type"] === "sandbox") return runtime.start(id);
      broken.add(id);
      throw new Error("no such program");
    },
    inspect: async (id: string) => {
      const found = await runtime.inspect(id);
      return found && broken.has(id)
        ? { ...found, state: "exited" as const, exitCode: 127, error: "no such program" }
        : found;
    },
  };
  const broken = new Set<string>();
  await using node = await createHarness({ runtime: failing, hollow: true });
  node.run("p", { restartPolicy: "Never", containers: [{ name: "a", image: "app:1" }] });
  const isSwept = ({ type, status }: { type: string; status: string }): boolean =>
    type === "PodReadyToStartContainers" && status === "False";
  const ended = await node.client.until(
    NAMESPACE,
    "p",
    (p) => p?.status?.phase === "Failed" && p.status.conditions?.some(isSwept) === true,
  );
  expect(ended.status?.containerStatuses?.[0]).toMatchObject({
    state: { terminated: { exitCode: 128, reason: "StartError", message: "no such program" } },
    lastState: {},
  });
});

test("each of a pod's containers is made once, also those that were made ahead", async () => {
  const runtime = createFakeRuntime();
  const made: string[] = [];
  const counting = {
    ...runtime,
    createContainer: async (spec: Parameters<typeof runtime.createContainer>[0]) => {
      made.push(spec.name.split("_")[1] ?? "");
      return runtime.createContainer(spec);
    },
  };
  await using node = await createHarness({ runtime: counting, hollow: true });
  node.run("p", { containers: ["a", "b", "c"].map((name) => ({ name, image: "app:1" })) });
  await node.client.until(
    NAMESPACE,
    "p",
    (p) => p?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true,
  );
  expect(made.toSorted()).toEqual(["a", "b", "c"]);
  expect(node.events.filter(({ reason }) => reason === "Created")).toHaveLength(3);
});

test("a container that was made ahead is told of after the pod's volumes are there, in the order of what happened", async () => {
  await using node = await createHarness({ runtime: createFakeRuntime(), hollow: true });
  const told = (): string[] => [...new Set(node.events.map(({ reason }) => reason))];
  const volumes = [{ name: "v", configMap: { name: "late" } }];
  node.run("p", { containers: [{ name: "c", image: "app:1" }], volumes });
  await vi.waitFor(() => expect(told()).toContain("FailedMount"));
  expect(told()).toEqual(["FailedMount"]);
  node.client.put(configMaps, { metadata: { name: "late", namespace: NAMESPACE, uid: "late" }, data: {} });
  node.kubelet().ctx.references.changed("configmaps", NAMESPACE, "late");
  await vi.waitFor(() => expect(told()).toEqual(["FailedMount", "Pulled", "Created", "Started"]));
});

test("what is told of a container while its pod is cabled does not overtake what was held back", async () => {
  const attaching = Promise.withResolvers<void>();
  const runtime = createFakeRuntime({
    before: (operation) => (operation === "createContainer" ? attaching.promise : undefined),
  });
  const network = Object.assign(createHollowNetwork(), {
    async attach() {
      attaching.resolve();
      await vi.waitFor(() => expect(node.events.map(({ reason }) => reason)).toContain("Created"));
    },
  });
  await using node = await createHarness({ runtime, hollow: true, network });
  node.run("p", { containers: [{ name: "c", image: "app:1" }] });
  await vi.waitFor(() =>
    expect(node.events.map(({ reason }) => reason)).toEqual(["Pulled", "Created", "Started"]),
  );
});
