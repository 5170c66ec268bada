import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPodCgroups } from "./pod-cgroups.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "cgroup-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const groups = (version: 1 | 2) =>
  createPodCgroups({ version, root: () => Promise.resolve(root), name: "coracle/node" });
const limits = { memoryBytes: 4096, cpuQuota: 20_000, cpuPeriod: 100_000, cpuShares: 1024 };
const read = (...path: string[]): Promise<string> => readFile(join(root, ...path), "utf8");

test("with the old hierarchy a pod has a group with each controller", async () => {
  await Promise.all(["memory", "cpu", "freezer"].map((c) => mkdir(join(root, c))));
  expect(await groups(1).set("u", limits)).toBe("/coracle/node/u");
  expect(await read("memory/coracle/node/u/memory.limit_in_bytes")).toBe("4096");
  expect(await read("cpu/coracle/node/u/cpu.cfs_quota_us")).toBe("20000");
  expect(await read("cpu/coracle/node/u/cpu.shares")).toBe("1024");
  await groups(1).set("u", {});
  expect(await read("memory/coracle/node/u/memory.limit_in_bytes")).toBe("-1");
});

test("with the new one it has one, whose parents hand their controllers down", async () => {
  expect(await groups(2).set("u", limits)).toBe("/coracle/node/u");
  expect(await read("coracle/node/u/memory.max")).toBe("4096");
  expect(await read("coracle/node/u/cpu.max")).toBe("20000 100000");
  expect(await read("coracle/node/u/cpu.weight")).toBe("39");
  for (const above of ["", "coracle", "coracle/node"])
    expect(await read(above, "cgroup.subtree_control")).toBe("+memory +cpu");
  await writeFile(join(root, "coracle/node/u/memory.current"), "9000\n");
  await writeFile(join(root, "coracle/node/u/memory.stat"), "anon 1\ninactive_file 1000\n");
  expect(await groups(2).memoryInUse("u")).toBe(8000);
});

test("groups of pods that are no more are removed, whichever controllers the engine made them for", async () => {
  for (const controller of ["memory", "freezer"])
    for (const uid of ["gone", "here", "ended"])
      await mkdir(join(root, controller, "coracle/node", uid), { recursive: true });
  await groups(1).sweep(new Set(["here", "ended"]));
  await groups(1).remove("ended");
  await groups(1).remove("never was");
  for (const controller of ["memory", "freezer"])
    expect(await readdir(join(root, controller, "coracle/node"))).toEqual(["here"]);
});

test("a host that cannot be written to has none to give", async () => {
  const none = createPodCgroups({ version: 2, root: () => Promise.resolve(undefined), name: "n" });
  expect(await none.set("u", limits)).toBeUndefined();
  await none.sweep(new Set());
});
