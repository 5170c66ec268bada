import { expect, test } from "vitest";
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
