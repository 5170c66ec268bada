import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { runtimeContract } from "./contract.ts";
import { createDockerRuntime } from "./docker.ts";

runtimeContract("the real engine", createDockerRuntime, {
  sandboxImage: "coracle/pause:1",
  image: "busybox:1.36",
  talker: {
    command: ["sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"],
    line: "ready",
  },
});

test("files of an image are read without running it, and nothing is left of that", async () => {
  const runtime = createDockerRuntime();
  const labels = { "io.coracle.contract": randomUUID() };
  const [passwd, none, link] = await runtime.imageFiles("busybox:1.36", labels, [
    "/etc/passwd",
    "/etc/none",
    "/etc",
  ]);
  expect(passwd).toMatch(/^root:/);
  expect([none, link]).toEqual([undefined, undefined]);
  expect(await runtime.list(labels)).toEqual([]);
});
