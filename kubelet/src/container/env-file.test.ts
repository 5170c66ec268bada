import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readEnvFile } from "./env-file.ts";

test("only a regular file of the volume is read: a pipe holds up nobody, and no link leads out", async () => {
  const root = await mkdtemp(join(tmpdir(), "env-file-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
  const volume = join(root, "volume");
  await mkdir(join(volume, "folder"), { recursive: true });
  await writeFile(join(volume, "app.env"), "A='1'");
  await writeFile(join(root, "secret"), "A='2'");
  await symlink("../secret", join(volume, "out"));
  await symlink("app.env", join(volume, "in"));
  execFileSync("mkfifo", [join(volume, "pipe")]);
  expect(await readEnvFile(volume, "in")).toBe("A='1'");
  expect(await readEnvFile(volume, "none")).toBeUndefined();
  for (const path of ["pipe", "folder"])
    await expect(readEnvFile(volume, path)).rejects.toThrow("is not a regular file");
  await expect(readEnvFile(volume, "out")).rejects.toThrow("leads out of its volume");
});
