import { expect, onTestFinished, test, vi } from "vitest";
import { exec } from "./exec.ts";

const docker = (...args: string[]): Promise<number> => exec("docker", args, { stdio: "ignore" });

test("a network that took the nodes' range goes when nothing is on it, and another one stays", async () => {
  vi.stubEnv("CORACLE_CLUSTER", `range-${process.pid}`);
  vi.stubEnv("CORACLE_NODES_SUBNET", "10.213.7.0/24");
  const { cluster } = await import("./paths.ts");
  const { freeNodesRange } = await import("./checks.ts");
  const name = `${cluster}_control`;
  onTestFinished(async () => {
    await docker("network", "rm", name);
    vi.unstubAllEnvs();
  });
  expect(await docker("network", "create", "--subnet", "10.214.0.0/16", name)).toBe(0);
  expect(await freeNodesRange()).toBe(false);
  expect(await docker("network", "rm", name)).toBe(0);
  expect(await docker("network", "create", "--subnet", "10.213.0.0/16", name)).toBe(0);
  expect(await freeNodesRange()).toBe(true);
  expect(await docker("network", "inspect", name)).not.toBe(0);
});
