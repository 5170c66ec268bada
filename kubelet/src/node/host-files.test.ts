import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { seedHostFiles } from "./host-files.ts";

const facts = {
  name: "node-1",
  address: "172.30.0.5",
  machineId: "0123",
  osImage: "Debian",
  resolvConf: "nameserver 1.1.1.1\n",
};

it("gives a node the files and directories of a small host, and keeps what is there", async () => {
  const root = await mkdtemp(join(tmpdir(), "host-"));
  try {
    await mkdir(join(root, "etc/hostname"), { recursive: true });
    await mkdir(join(root, "tmp"));
    await writeFile(join(root, "tmp/mine"), "kept");
    await seedHostFiles(root, facts);
    const before = await stat(join(root, "etc/hosts"));
    await seedHostFiles(root, { ...facts, address: "172.30.0.6" });
    expect(await readFile(join(root, "etc/hosts"), "utf8")).toContain("172.30.0.6\tnode-1\n");
    expect((await stat(join(root, "etc/hosts"))).ino).toBe(before.ino);
    expect(await readFile(join(root, "etc/resolv.conf"), "utf8")).toBe("nameserver 1.1.1.1\n");
    expect((await stat(join(root, "tmp"))).mode & 0o7777).toBe(0o1777);
    expect(await readFile(join(root, "tmp/mine"), "utf8")).toBe("kept");
    expect((await stat(join(root, "etc/hostname"))).isDirectory()).toBe(true);
  } finally {
    await rm(root, { recursive: true });
  }
});
