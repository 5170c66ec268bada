import { setTimeout as sleep } from "node:timers/promises";
import type { Pod, PodSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { expect, test } from "vitest";
import { LABEL } from "../container/names.ts";
import { createFakeRuntime } from "../runtime/fake.ts";
import { createHarness, NAMESPACE } from "../testing/harness.ts";

const spec: PodSpec = {
  restartPolicy: "Never",
  initContainers: [
    { name: "first", image: "init:1" },
    { name: "side", image: "side:1", restartPolicy: "Always" },
  ],
  containers: [
    {
      name: "main",
      image: "main:1",
      restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } }],
    },
    { name: "other", image: "app:1", lifecycle: { preStop: { sleep: { seconds: 600 } } } },
    { name: "done", image: "init:1" },
  ],
};

test("a container whose rule asks for it has all containers of its pod started over, init containers first", async () => {
  const made: string[] = [];
  const runtime = createFakeRuntime({
    behaviour: ({ image, labels }) => {
      const attempt = labels[LABEL.attempt];
      made.push(`${labels[LABEL.container]}/${attempt}`);
      if (image === "init:1") return { exitAfterMs: 1 };
      return image === "main:1" && attempt === "0" ? { exitAfterMs: 400, exitCode: 42 } : {};
    },
  });
  await using node = await createHarness({ runtime, hollow: true });
  const { metadata } = node.run("p", spec);
  const counts = (p: Pod | undefined): (readonly [string, number])[] =>
    [...(p?.status?.initContainerStatuses ?? []), ...(p?.status?.containerStatuses ?? [])].map(
      (s) => [s.name, s.restartCount] as const,
    );
  const again = await node.client.until(
    NAMESPACE,
    "p",
    (p) => counts(p).length === 5 && counts(p).every(([, restarts]) => restarts === 1),
  );
  expect(made).toEqual(
    ["first", "side", "main", "other", "done"]
      .flatMap((name) => [`${name}/0`])
      .concat(["first", "side", "main", "other", "done"].map((name) => `${name}/1`)),
  );
  expect(again.status?.podIP).toBeDefined();
  const over = await node.client.until(
    NAMESPACE,
    "p",
    (p) => !p?.status?.conditions?.some((c) => c.type === "AllContainersRestarting"),
  );
  expect(over.status?.phase).toBe("Running");
  // The pod never looked as if it had ended, and said what went on.
  const shown = node.client.history.map((s) => s.phase);
  expect(shown).not.toContain("Failed");
  expect(shown).not.toContain("Succeeded");
  expect(
    node.client.history.some((s) => s.conditions?.some((c) => c.type === "AllContainersRestarting")),
  ).toBe(true);
  // One sandbox served all the while.
  const all = await runtime.list({ [LABEL.podUid]: metadata.uid ?? "", [LABEL.type]: "sandbox" });
  expect(all).toHaveLength(1);
});

test("one that asks for it while the others are being started holds them back", async () => {
  const made: string[] = [];
  const runtime = createFakeRuntime({
    before: (operation, name) =>
      operation === "createContainer" && name.includes("_other_") ? sleep(50) : undefined,
    behaviour: ({ image, labels }) => {
      const attempt = labels[LABEL.attempt];
      made.push(`${labels[LABEL.container]}/${attempt}`);
      if (image === "init:1") return { exitAfterMs: 1 };
      return image === "main:1" && attempt === "0" ? { exitAfterMs: 1, exitCode: 42 } : {};
    },
  });
  await using node = await createHarness({ runtime, hollow: true });
  node.run("p", {
    ...spec,
    containers: spec.containers.filter(({ name }) => name !== "done"),
  });
  const up = await node.client.until(
    NAMESPACE,
    "p",
    (p) => p?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true,
  );
  expect(up.status?.containerStatuses?.map((s) => s.restartCount)).toEqual([1, 0]);
  expect(made).toEqual(["first/0", "side/0", "main/0", "other/0", "first/1", "side/1", "main/1"]);
});
