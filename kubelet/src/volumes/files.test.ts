import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { checkHostPath, nodePath } from "./host-path.ts";
import { selectKeys } from "./keys.ts";
import { memorySize } from "./memory-size.ts";
import { applyGroup } from "./ownership.ts";
import { checkSubPath, resolveSubPath } from "./sub-path.ts";
import type { Payload } from "./volume.ts";
import { writePayload } from "./write.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "volume-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const payload = (files: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));
const visible = async (): Promise<Record<string, string>> => {
  const names = (await readdir(root)).filter((name) => !name.startsWith(".."));
  return Object.fromEntries(
    await Promise.all(names.map(async (n) => [n, await readFile(join(root, n), "utf8")])),
  );
};

describe("a projected volume", () => {
  test("its files are links into a directory that is swapped whole", async () => {
    await writePayload(root, payload({ a: "1", b: "1" }));
    const first = await readlink(join(root, "..data"));
    expect(await readlink(join(root, "a"))).toBe("..data/a");
    await writePayload(root, payload({ a: "2", c: "2" }));
    expect(await visible()).toEqual({ a: "2", c: "2" });
    expect(await readlink(join(root, "..data"))).not.toBe(first);
    expect(await readdir(root)).not.toContain(first);
  });

  test("paths with directories are linked by their first part", async () => {
    await writePayload(root, payload({ "conf/x/y.txt": "deep", top: "t" }));
    expect(await readFile(join(root, "conf/x/y.txt"), "utf8")).toBe("deep");
    expect(await readlink(join(root, "conf"))).toBe("..data/conf");
  });

  test("modes are as asked, past the umask, and the group may read", async () => {
    await writePayload(root, payload({ a: "1" }, 0o666));
    expect((await stat(join(root, "a"))).mode & 0o777).toBe(0o666);
    await writePayload(root, payload({ a: "1" }, 0o400), process.getgid?.());
    expect((await stat(join(root, "a"))).mode & 0o777).toBe(0o440);
  });

  test("what was interrupted before is cleaned up", async () => {
    await mkdir(join(root, "..2020_01_01_00_00_00.dead"));
    await symlink("..2020_01_01_00_00_00.dead", join(root, "..data_tmp"));
    await writePayload(root, payload({ a: "1" }));
    expect((await readdir(root)).filter((name) => name.startsWith(".."))).toHaveLength(2);
  });

  test("the same files again disturb no reader", async () => {
    await writePayload(root, payload({ a: "1", "d/b": "2" }));
    const before = await readlink(join(root, "..data"));
    await rm(join(root, "a"));
    await writePayload(root, payload({ a: "1", "d/b": "2" }));
    expect(await readlink(join(root, "..data"))).toBe(before);
    // A link that an interrupted write left out is made good.
    expect(await readFile(join(root, "a"), "utf8")).toBe("1");
    await writePayload(root, payload({ a: "1", "d/b": "2" }, 0o600));
    expect(await readlink(join(root, "..data"))).not.toBe(before);
  });

  test("a directory that a subPath made stays", async () => {
    await writePayload(root, payload({ a: "1" }));
    await resolveSubPath(root, "made");
    await writePayload(root, payload({ a: "2" }));
    expect((await stat(join(root, "made"))).isDirectory()).toBe(true);
  });

  test("anyone may look into it, and a group owns its root", async () => {
    await writePayload(root, payload({ a: "1" }));
    expect((await stat(root)).mode & 0o7777).toBe(0o777);
    await writePayload(root, payload({ a: "2" }), process.getgid?.());
    expect((await stat(root)).mode & 0o7777).toBe(0o2777);
  });

  test("paths that lead out are refused", async () => {
    for (const path of ["../x", "/etc/x", "a/../../x", "..data"])
      await expect(writePayload(root, payload({ [path]: "x" }))).rejects.toThrow("invalid path");
  });

  test("after any sequence of writes it shows the last one", async () => {
    const files = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.string());
    await fc.assert(
      fc.asyncProperty(fc.array(files, { minLength: 1, maxLength: 4 }), async (writes) => {
        for (const write of writes) await writePayload(root, payload(write));
        expect(await visible()).toEqual({ ...writes.at(-1) });
      }),
      { numRuns: 20 },
    );
  });

  test("chosen keys get their paths and modes; a missing one is an error unless optional", () => {
    const data = new Map([["k", Buffer.from("v")]]);
    const chosen = {
      items: [{ key: "k", path: "p", mode: 0o600 }],
      mode: 0o644,
      optional: false,
      missing: "configmap references non-existent config key",
    };
    expect([...selectKeys(data, chosen)]).toEqual([["p", { data: Buffer.from("v"), mode: 0o600 }]]);
    const missing = { ...chosen, items: [{ key: "x", path: "p" }] };
    expect(() => selectKeys(data, missing)).toThrow("configmap references non-existent config key: x");
    expect(selectKeys(data, { ...missing, optional: true }).size).toBe(0);
  });
});

describe("subPath", () => {
  test("missing directories are made", async () => {
    expect(await resolveSubPath(root, "a/b")).toBe("a/b");
    expect((await stat(join(root, "a/b"))).isDirectory()).toBe(true);
    expect(await resolveSubPath(root, "a/b", true)).toBe("a/b");
    await expect(resolveSubPath(root, "a/c", true)).rejects.toThrow('there is no "a/c" in the volume');
  });
  test("links inside are followed to what they are now", async () => {
    await writePayload(root, payload({ key: "v" }));
    const real = await resolveSubPath(root, "key");
    expect(real).toBe(`${await readlink(join(root, "..data"))}/key`);
  });
  test.each(["../x", "a/../../x"])("%s leads out", (path) =>
    expect(resolveSubPath(root, path)).rejects.toThrow("leads out"),
  );
  test("links that lead out are refused, however they are made", async () => {
    await symlink("/etc", join(root, "absolute"));
    await mkdir(join(root, "d"));
    await symlink("../..", join(root, "d/up"));
    await symlink("loop", join(root, "loop"));
    await expect(resolveSubPath(root, "absolute/passwd")).rejects.toThrow("leads out");
    await expect(resolveSubPath(root, "d/up")).rejects.toThrow("leads out");
    await expect(resolveSubPath(root, "loop")).rejects.toThrow("leads out");
  });
});

describe("paths of variables", () => {
  test.each([
    ["/tmp", "error SubPath `/tmp` must not be an absolute path"],
    ["a/../b", "unable to provision SubPath `a/../b`: must not contain '..'"],
  ])("%s is refused", (path, message) => expect(() => checkSubPath(path)).toThrow(message));
  test("others are not", () => expect(() => checkSubPath("a/..b/c")).not.toThrow());
});

describe("hostPath", () => {
  const context = { storage: (path: string) => ({ here: join(root, path), engine: join("/engine", path) }) };
  const real = async (path: string): Promise<string> => (await nodePath(context, path)).engine;
  test("links are the node's own: absolute ones begin at its root, and none leads above it", async () => {
    await mkdir(join(root, "d"));
    await symlink("/etc", join(root, "d/absolute"));
    await symlink("../../../../etc", join(root, "d/relative"));
    await symlink("/d/absolute/x", join(root, "chain"));
    await symlink("loop", join(root, "loop"));
    expect(await real("/d/absolute/passwd")).toBe("/engine/etc/passwd");
    expect(await real("/d/relative")).toBe("/engine/etc");
    expect(await real("/chain")).toBe("/engine/etc/x");
    expect(await real("/d/not/there")).toBe("/engine/d/not/there");
    await expect(real("/loop")).rejects.toThrow("too many levels of symbolic links");
  });
});

describe("the size of a volume in memory", () => {
  const pod = (...limits: (string | undefined)[]): Pod => ({
    metadata: {},
    spec: {
      containers: limits.map((memory, i) => ({
        name: `c${i}`,
        ...(memory === undefined ? {} : { resources: { limits: { memory } } }),
      })),
    },
  });
  const node = { allocatable: { memory: "1000" }, memoryBytes: 2000 };
  test.each([
    ["what the node can give", pod(undefined), undefined, 1000],
    ["what the volume asks for", pod(undefined), 10, 10],
    ["not more than the pod may have", pod("100", "200"), 500, 300],
    ["a container without a limit may have all", pod("100", undefined), undefined, 1000],
  ])("%s", (_, of, wanted, size) => expect(memorySize(of, node, wanted)).toBe(size));
});

describe("hostPath types", () => {
  test("what may be made is made, the rest must be there", async () => {
    await checkHostPath(join(root, "d"), "/d", "DirectoryOrCreate");
    await checkHostPath(join(root, "sub/f"), "/sub/f", "FileOrCreate");
    expect((await lstat(join(root, "d"))).isDirectory()).toBe(true);
    expect((await lstat(join(root, "sub/f"))).isFile()).toBe(true);
    await checkHostPath(join(root, "d"), "/d", "Directory");
    await expect(checkHostPath(join(root, "d"), "/d", "File")).rejects.toThrow(
      "hostPath type check failed: /d is not a file",
    );
    await expect(checkHostPath(join(root, "none"), "/none", "Socket")).rejects.toThrow(
      "is not a socket file",
    );
  });
});

test("fsGroup gives a volume to the group, and leaves links alone", async () => {
  await mkdir(join(root, "d"));
  await writeFile(join(root, "d/f"), "x", { mode: 0o600 });
  await symlink("/etc/passwd", join(root, "link"));
  const before = await stat("/etc/passwd");
  await applyGroup(root, process.getgid?.() ?? 0, undefined);
  expect((await stat(join(root, "d"))).mode & 0o7777).toBe(0o2775);
  expect((await stat(join(root, "d/f"))).mode & 0o777).toBe(0o660);
  expect((await stat("/etc/passwd")).mode).toBe(before.mode);
});
