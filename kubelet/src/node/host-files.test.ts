import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, it, vi } from "vitest";
import { createNodeStorage } from "../storage.ts";
import { seedHostFiles } from "./host-files.ts";

const facts = {
  name: "node-1",
  address: "172.30.0.5",
  machineId: "0123",
  osImage: "Debian",
  resolvConf: "nameserver 1.1.1.1\n",
};

async function start() {
  const here = await mkdtemp(join(tmpdir(), "host-"));
  onTestFinished(() => rm(here, { recursive: true }));
  const warn = vi.fn<(context: { path: string }) => void>();
  const storage = createNodeStorage({ here, engine: here });
  await mkdir(storage.host("/etc").here, { recursive: true });
  return {
    here,
    at: (path: string) => storage.host(path).here,
    warn,
    seed: (more = {}) => seedHostFiles(storage, { ...facts, ...more }, { warn }),
  };
}

it("gives a node the files and directories of a small host, and keeps what is there", async () => {
  const { at, seed, warn } = await start();
  await mkdir(at("tmp"));
  await writeFile(at("tmp/mine"), "kept");
  await seed();
  const before = await stat(at("etc/hosts"));
  await seed({ address: "172.30.0.6" });
  expect(await readFile(at("etc/hosts"), "utf8")).toContain("172.30.0.6\tnode-1\n");
  expect((await stat(at("etc/hosts"))).ino).toBe(before.ino);
  expect(await readFile(at("etc/resolv.conf"), "utf8")).toBe("nameserver 1.1.1.1\n");
  expect((await stat(at("tmp"))).mode & 0o7777).toBe(0o1777);
  expect(await readFile(at("tmp/mine"), "utf8")).toBe("kept");
  expect(warn).not.toHaveBeenCalled();
});

it("keeps no node from starting, whatever pods have put in the place of its files", async () => {
  const { at, seed, warn } = await start();
  await mkdir(at("etc/hostname"));
  await writeFile(at("opt"), "a file");
  await seed();
  expect((await stat(at("etc/hostname"))).isDirectory()).toBe(true);
  expect(warn.mock.calls.map(([{ path }]) => path)).toEqual(["opt", "etc/hostname"]);
  expect(await readFile(at("etc/hosts"), "utf8")).toContain("node-1");
});

it("follows links as on the node, and never out of it", async () => {
  const { here, at, seed } = await start();
  await symlink("../run/resolve/stub.conf", at("etc/resolv.conf"));
  await mkdir(join(here, "outside"));
  await symlink(join(here, "outside/hosts"), at("etc/hosts"));
  await seed();
  expect(await readFile(at("run/resolve/stub.conf"), "utf8")).toBe("nameserver 1.1.1.1\n");
  expect(await readdir(join(here, "outside"))).toEqual([]);
});
