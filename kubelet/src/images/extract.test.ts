import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { unpack } from "./extract.ts";

test("an image's files are all there but for what the engine adds at its root", async () => {
  const root = await mkdtemp(join(tmpdir(), "unpack-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
  for (const directory of ["image/dev", "image/app/dev", "volume"])
    await mkdir(join(root, directory), { recursive: true });
  for (const file of [".dockerenv", "dev/console", "app/.dockerenv", "app/dev/kept"])
    await writeFile(join(root, "image", file), "");
  // The engine names the entries without a leading dot.
  const archive = spawn("tar", ["--create", "--directory", join(root, "image"), ".dockerenv", "app", "dev"]);
  await unpack(archive.stdout, join(root, "volume"), new AbortController().signal);
  const found = await readdir(join(root, "volume"), { recursive: true });
  expect(found.toSorted()).toEqual(["app", "app/.dockerenv", "app/dev", "app/dev/kept", "dev"]);
});
