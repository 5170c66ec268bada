import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createLogger } from "@coracle/shared/log.ts";
import { afterEach, expect, test, vi } from "vitest";
import { LABEL } from "../container/names.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { startLogFiles, type LogFilesOptions } from "./files.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const container = (id: string, attempt: number): RuntimeContainer =>
  ({
    id,
    state: "running",
    startedAt: 1,
    labels: {
      [LABEL.container]: "main",
      [LABEL.attempt]: String(attempt),
      [LABEL.podName]: "web",
      [LABEL.podNamespace]: "default",
      [LABEL.podUid]: "u1",
    },
  }) as unknown as RuntimeContainer;

/** A node and an engine in one directory, with containers that log. */
async function setUp({ everyMs = 20 } = {}) {
  const dir = await mkdtemp(join(tmpdir(), "logs-"));
  const stop = new AbortController();
  const containers = new Map<string, RuntimeContainer>();
  let changed: Parameters<LogFilesOptions["engine"]["onChange"]>[0] = () => undefined;
  const node = join(dir, "node");
  await mkdir(node);
  const logOf = (id: string): string => join(dir, "engine/containers", id, `${id}-json.log`);
  stops.push(async () => {
    stop.abort();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  });
  return {
    dir,
    logOf,
    pods: join(node, "var/log/pods"),
    logs: join(node, "var/log/pods/default_web_u1/main"),
    flat: join(node, "var/log/containers"),
    add: async (c: RuntimeContainer, text: string) => {
      await mkdir(dirname(logOf(c.id)), { recursive: true });
      await writeFile(logOf(c.id), text);
      containers.set(c.id, c);
      changed("u1", c, c.id);
    },
    remove: (id: string) => {
      containers.delete(id);
      changed("u1", undefined, id);
    },
    start: () =>
      startLogFiles({
        engine: {
          pods: () => ["u1"],
          ofPod: () => containers.values(),
          get: (id) => containers.get(id),
          onChange: (listener) => (changed = listener),
          onRelist: () => undefined,
        },
        nodeRoot: node,
        engineDirectory: join(dir, "engine"),
        enginePath: (path) => Promise.resolve(path),
        log: createLogger("test"),
        signal: stop.signal,
        everyMs,
      }),
  };
}

test("a log is in both places by upstream's names, and goes with its container", async () => {
  const { add, remove, start, logs, flat, pods } = await setUp();
  await add(container("c0", 0), "first\n");
  start();
  await add(container("c1", 1), "second\n");
  await vi.waitFor(async () => expect((await readdir(logs)).toSorted()).toEqual(["0.log", "1.log"]));
  expect(await readFile(join(logs, "1.log"), "utf8")).toBe("second\n");
  await vi.waitFor(async () =>
    expect(await readlink(join(flat, "web_default_main-c1.log"))).toBe(
      "/var/log/pods/default_web_u1/main/1.log",
    ),
  );
  remove("c0");
  await vi.waitFor(async () => expect(await readdir(logs)).toEqual(["1.log"]));
  remove("c1");
  await vi.waitFor(async () => expect(await readdir(pods)).toEqual([]));
  expect(await readdir(flat)).toEqual([]);
});

test("what the engine has rotated keeps its file under another name until the engine drops it", async () => {
  const { add, start, logs, logOf } = await setUp();
  start();
  await add(container("c0", 0), "old\n");
  await vi.waitFor(async () => expect(await readdir(logs)).toEqual(["0.log"]));
  await rename(logOf("c0"), `${logOf("c0")}.1`);
  await writeFile(logOf("c0"), "new\n");
  await vi.waitFor(async () => expect(await readdir(logs)).toHaveLength(2));
  await vi.waitFor(async () => expect(await readFile(join(logs, "0.log"), "utf8")).toBe("new\n"));
  const [, rotated = ""] = (await readdir(logs)).toSorted();
  expect(rotated).toMatch(/^0\.log\.\d{8}-\d{6}\.\d+$/);
  expect(await readFile(join(logs, rotated), "utf8")).toBe("old\n");
  await rename(logOf("c0"), `${logOf("c0")}.1`);
  await writeFile(logOf("c0"), "newest\n");
  await vi.waitFor(async () => expect(await readFile(join(logs, "0.log"), "utf8")).toBe("newest\n"));
  expect(await readdir(logs)).toHaveLength(2);
  expect(await readdir(logs)).not.toContain(rotated);
});

test("what is left of containers that are gone is removed, and a link that a pod has put there is not followed", async () => {
  const { add, start, logs, pods, dir } = await setUp();
  const elsewhere = join(dir, "elsewhere");
  await mkdir(elsewhere);
  // Many, so that some are listed after the link, in whatever order the file system has.
  for (const uid of Array.from({ length: 20 }, (_, i) => `u${i + 10}`)) {
    await mkdir(join(pods, `default_gone_${uid}/main`), { recursive: true });
    await writeFile(join(pods, `default_gone_${uid}/main/0.log`), "");
  }
  await mkdir(dirname(logs), { recursive: true });
  await symlink(elsewhere, logs);
  await add(container("c0", 0), "secret\n");
  start();
  await vi.waitFor(async () => expect(await readdir(pods)).toEqual(["default_web_u1"]));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await readdir(elsewhere)).toEqual([]);
});

test("a log that was rotated right before its container's end is shown to its end", async () => {
  const { add, start, logs, logOf } = await setUp({ everyMs: 3_600_000 });
  start();
  await add(container("c0", 0), "old\n");
  await vi.waitFor(async () => expect(await readdir(logs)).toEqual(["0.log"]));
  await rename(logOf("c0"), `${logOf("c0")}.1`);
  await add({ ...container("c0", 0), state: "exited" }, "last words\n");
  await vi.waitFor(async () => expect(await readFile(join(logs, "0.log"), "utf8")).toBe("last words\n"));
  expect(await readdir(logs)).toHaveLength(2);
});

test("only links to logs are taken out of the directory of all containers", async () => {
  const { start, flat, pods } = await setUp();
  await mkdir(join(flat, "state"), { recursive: true });
  await writeFile(join(flat, "agent.log"), "");
  await symlink("/var/log/agent/x.log", join(flat, "own.log"));
  await symlink("/var/log/pods/default_gone_u9/main/0.log", join(flat, "gone_default_main-c9.log"));
  await mkdir(join(pods, "default_gone_u9/main"), { recursive: true });
  start();
  await vi.waitFor(async () => expect(await readdir(pods)).toEqual([]));
  expect((await readdir(flat)).toSorted()).toEqual(["agent.log", "own.log", "state"]);
});
