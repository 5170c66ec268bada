/**
 * The logs of the node's containers where log collectors look for them: /var/log/pods and, as links into it, /var/log/containers. The
 * engine's own files have a second name there, so it needs an engine whose files are on the node's file system and within reach.
 */
import { readdir, readlink, rm, rmdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@coracle/shared/log.ts";
import { LABEL } from "../container/names.ts";
import type { EngineView } from "../engine-view.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { hold, unless } from "./directory.ts";
import { isLogOf, mirrorLog } from "./mirror.ts";

export interface LogFilesOptions {
  readonly engine: Pick<EngineView, "ofPod" | "pods" | "get" | "onChange" | "onRelist">;
  /** The root of the node's own files and the engine's directory, both by the engine's paths. */
  readonly nodeRoot: string;
  readonly engineDirectory: string;
  /** One of the engine's paths as this process can use it. */
  readonly enginePath: (path: string) => Promise<string | undefined>;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly everyMs?: number | undefined;
}

/** As often as upstream looks whether a log must be rotated. */
const EVERY_MS = 10_000;
const LOGS = ["var", "log"];
const PODS = [...LOGS, "pods"];
const CONTAINERS = [...LOGS, "containers"];
const MAX_NAME = 255;

interface Names {
  readonly pod: string;
  readonly container: string;
  readonly attempt: string;
  /** Its name among all containers of the node. */
  readonly flat: string;
}

/** Undefined for what has no log of its own: sandboxes, and what never ran. */
function namesOf({ id, labels, startedAt }: RuntimeContainer): Names | undefined {
  const container = labels[LABEL.container];
  if (!container || startedAt === undefined) return undefined;
  const [namespace, pod] = [labels[LABEL.podNamespace] ?? "", labels[LABEL.podName] ?? ""];
  return {
    pod: `${namespace}_${pod}_${labels[LABEL.podUid]}`,
    container,
    attempt: labels[LABEL.attempt] ?? "0",
    flat: `${`${pod}_${namespace}_${container}-${id}`.slice(0, MAX_NAME - ".log".length)}.log`,
  };
}

/** Begins at once and goes on until the signal. */
export function startLogFiles(options: LogFilesOptions): void {
  const { engine, log, signal } = options;
  const known = new Map<string, Names>();
  /** The files that were written to when a log was last looked at. */
  const inodes = new Map<string, number | undefined>();
  let line: Promise<void> = Promise.resolve();
  let off = false;

  /** What goes wrong for one container is nothing to the others. */
  const tell = (error: unknown): void => {
    off = (error as NodeJS.ErrnoException).code === "EXDEV";
    if (off) log.info("the engine's logs are on another file system than the node: none in /var/log/pods");
    else log.warn({ err: error }, "a container's log is not in /var/log/pods");
  };
  const attempt = async (work: (root: string) => Promise<void>): Promise<void> => {
    if (off || signal.aborted) return;
    try {
      const root = await options.enginePath(options.nodeRoot);
      if (root) await work(root);
    } catch (error) {
      tell(error);
    }
  };
  const enqueue = (work: (root: string) => Promise<void>): void => {
    line = line.then(() => attempt(work));
  };
  const sourceOf = (id: string): Promise<string | undefined> =>
    options.enginePath(join(options.engineDirectory, "containers", id, `${id}-json.log`));
  const show = async (root: string, id: string, names: Names): Promise<void> => {
    const source = await sourceOf(id);
    if (!source) return;
    await using directory = await hold(root, [...PODS, names.pod, names.container], true);
    if (directory) inodes.set(id, await mirrorLog(source, directory.path, names.attempt));
    await using flat = await hold(root, CONTAINERS, true);
    const target = join("/", ...PODS, names.pod, names.container, `${names.attempt}.log`);
    if (flat) await symlink(target, join(flat.path, names.flat)).catch(unless("EEXIST"));
  };
  const hide = async (root: string, names: Names): Promise<void> => {
    await removeFrom(root, [...PODS, names.pod, names.container], (name) => isLogOf(name, names.attempt));
    await removeFrom(root, CONTAINERS, (name) => name === names.flat);
    await removeEmpty(root, names.pod, names.container);
  };
  const see = (container: RuntimeContainer): void => {
    const names = namesOf(container);
    if (!names) return;
    // Also when it ends: nobody follows it from then on, and its log may have been rotated since the last look.
    if (known.has(container.id) && container.state === "running") return;
    known.set(container.id, names);
    enqueue((root) => show(root, container.id, names));
  };
  const forget = (id: string): void => {
    const names = known.get(id);
    inodes.delete(id);
    if (names && known.delete(id)) enqueue((root) => hide(root, names));
  };
  /** What was left by containers that went while nobody looked. */
  const sweep = async (root: string): Promise<void> => {
    const all = [...known.values()];
    const flat = new Set(all.map((names) => names.flat));
    await removeLinks(root, (name) => !flat.has(name)).catch(tell);
    await using pods = await hold(root, PODS, true);
    for (const pod of pods ? await readdir(pods.path) : []) {
      const own = all.filter((names) => names.pod === pod);
      for (const container of await namesIn(root, [...PODS, pod])) {
        const attempts = own.filter((names) => names.container === container).map((names) => names.attempt);
        const isOld = (name: string): boolean => !attempts.some((attempt) => isLogOf(name, attempt));
        await removeFrom(root, [...PODS, pod, container], isOld).catch(tell);
        await removeEmpty(root, pod, container).catch(tell);
      }
    }
  };

  /** One look at each log that is written to: has it been rotated? */
  const follow = async (root: string): Promise<void> => {
    for (const [id, names] of known) {
      if (engine.get(id)?.state !== "running") continue;
      const source = await sourceOf(id);
      const found = source && (await stat(source).catch(unless("ENOENT")));
      if (!found || found.ino === inodes.get(id)) continue;
      // Tried again when the file is another one: what keeps it from its place is told once.
      inodes.set(id, found.ino);
      await show(root, id, names).catch(tell);
    }
  };

  engine.onChange((_, container, id) => (container ? see(container) : forget(id)));
  engine.onRelist(() => enqueue(sweep));
  for (const uid of engine.pods()) for (const container of engine.ofPod(uid)) see(container);
  enqueue(sweep);
  const timer = setInterval(() => enqueue(follow), options.everyMs ?? EVERY_MS);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

async function namesIn(root: string, parts: readonly string[]): Promise<string[]> {
  await using directory = await hold(root, parts, false);
  // Read before it is let go of.
  return directory ? await readdir(directory.path) : [];
}

async function removeFrom(
  root: string,
  parts: readonly string[],
  isWanted: (name: string) => boolean,
): Promise<void> {
  await using directory = await hold(root, parts, false);
  if (!directory) return;
  for (const name of (await readdir(directory.path)).filter(isWanted))
    await rm(join(directory.path, name), { force: true });
}

/** Links of all containers to logs of pods: what else is there is somebody else's. */
async function removeLinks(root: string, isWanted: (name: string) => boolean): Promise<void> {
  await using directory = await hold(root, CONTAINERS, false);
  if (!directory) return;
  for (const name of (await readdir(directory.path)).filter(isWanted)) {
    const path = join(directory.path, name);
    const target = await readlink(path).catch(unless("EINVAL", "ENOENT"));
    if (target?.startsWith(join("/", ...PODS, "/"))) await rm(path, { force: true });
  }
}

/** A container's directory and its pod's, as far as nothing is in them. */
async function removeEmpty(root: string, pod: string, container: string): Promise<void> {
  const keep = unless("ENOENT", "ENOTEMPTY", "ENOTDIR");
  await using inPod = await hold(root, [...PODS, pod], false);
  if (inPod) await rmdir(join(inPod.path, container)).catch(keep);
  await using pods = await hold(root, PODS, false);
  if (pods) await rmdir(join(pods.path, pod)).catch(keep);
}
