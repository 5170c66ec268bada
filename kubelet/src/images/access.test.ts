import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@coracle/shared/log.ts";
import { expect, test } from "vitest";
import { createImageAccess } from "./access.ts";

test("a record that is written twice in one tick of the clock is read twice", async () => {
  const root = await mkdtemp(join(tmpdir(), "access-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
  const file = join(root, "node-1", "images.json");
  await mkdir(join(root, "node-1"));
  const write = async (grants: object): Promise<void> => {
    await writeFile(`${file}.new`, JSON.stringify({ version: 1, images: {}, grants }));
    await utimes(`${file}.new`, 1, 1);
    await rename(`${file}.new`, file);
  };
  const access = createImageAccess(root, "images.json", createLogger("test"));
  const allowed = (): Promise<boolean> => access.allows("id", "r.example/app:1", () => Promise.resolve([]));
  await write({});
  expect(await allowed()).toBe(true);
  await write({ id: { "r.example/app": ["digest"] } });
  expect(await allowed()).toBe(false);
});
