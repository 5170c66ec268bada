import { configMaps } from "@coracle/shared/api/resources.ts";
import { expect, test, vi } from "vitest";
import { createHollowNetwork } from "../network/hollow.ts";
import { createFakeRuntime } from "../runtime/fake.ts";
import { createHarness, NAMESPACE } from "../testing/harness.ts";

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
