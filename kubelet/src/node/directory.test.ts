import { expect, test } from "vitest";
import { createFakeRuntime } from "../runtime/fake.ts";
import { createHarness } from "../testing/harness.ts";
import { createPodDirectory } from "./directory.ts";

test("a pod in the node's network is reached at the node's address", async () => {
  await using h = await createHarness({ runtime: createFakeRuntime(), hollow: true });
  const pod = h.run("web", { hostNetwork: true, containers: [{ name: "main", image: "i" }] });
  const directory = createPodDirectory(h.kubelet().pods);
  const uid = String(pod.metadata.uid);
  await expect.poll(() => directory.address(uid)).toBe(h.kubelet().pods.get(uid)?.ctx.node.hostIPs[0]);
  expect(directory.address(uid)).toBeDefined();
});
