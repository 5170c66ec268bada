/** The pods of a folder of manifests, kept current. */
import { constants, watch } from "node:fs";
import { mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { parse } from "yaml";
import { staticPod } from "./static-pod.ts";

export interface StaticPodsOptions {
  readonly folder: string;
  readonly node: string;
  /** A pod is new. */
  readonly start: (pod: Pod) => void;
  /** Its manifest is gone or another one; resolves when nothing of the pod runs any more. */
  readonly stop: (pod: Pod) => Promise<void>;
  /** The set of pods is another one. */
  readonly onChange: () => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly now?: (() => number) | undefined;
  readonly recheckMs?: number | undefined;
}

export interface StaticPods {
  pods(): Iterable<Pod>;
  get(uid: string): Pod | undefined;
}

/** Changes of a file come in several steps. */
const SETTLE_MS = 100;
/** Not every file system tells of changes: those mounted from another machine do not. */
const RECHECK_MS = 20_000;
const MAX_BYTES = 1 << 20;

interface Known {
  readonly stamp: string;
  readonly pod: Pod | undefined;
}

/** Starts reading and watching. Resolves when the folder has been read once. */
export async function startStaticPods(options: StaticPodsOptions): Promise<StaticPods> {
  const { folder, log, signal, now = Date.now } = options;
  const files = new Map<string, Known>();
  const pods = new Map<string, Pod>();
  let reading: Promise<void> | undefined;
  let again = false;

  const load = async (file: string): Promise<Known | undefined> => {
    const path = join(folder, file);
    // A pod may write here by hostPath: a link of its making must not lead to what only this process may read, nor a pipe hold it.
    await using handle = await open(
      path,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    ).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ELOOP") throw error;
      return undefined;
    });
    const info = await handle?.stat();
    if (!handle || !info?.isFile()) return undefined;
    const stamp = `${info.ino}/${info.size}/${info.mtimeMs}`;
    const known = files.get(file);
    if (known?.stamp === stamp) return known;
    try {
      if (info.size > MAX_BYTES) throw new Error("the file is too large");
      // YAML holds JSON too.
      const manifest: unknown = parse(await handle.readFile("utf8"));
      return { stamp, pod: staticPod(manifest, { node: options.node, file: path, now: now() }) };
    } catch (error) {
      // The parser's further lines show the file.
      const [problem] = (error as Error).message.split("\n");
      log.error({ problem, file: path }, "a manifest is no static pod");
      return { stamp, pod: undefined };
    }
  };
  const read = async (): Promise<void> => {
    const found = new Map<string, Known>();
    for (const file of (await readdir(folder)).toSorted()) {
      if (file.startsWith(".")) continue;
      try {
        const known = await load(file);
        if (known) found.set(file, known);
      } catch (error) {
        // Removed while the folder was read.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
    files.clear();
    for (const [file, known] of found) files.set(file, known);
    await apply();
  };
  const apply = async (): Promise<void> => {
    const wanted = new Map<string, Pod>();
    const names = new Set<string>();
    for (const [file, { pod }] of files) {
      if (!pod) continue;
      const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
      if (names.has(name))
        log.error({ file, pod: name }, "two manifests have the same name; the first one counts");
      else wanted.set(pod.metadata.uid ?? "", pod);
      names.add(name);
    }
    const old = [...pods].filter(([uid]) => !wanted.has(uid));
    const added = [...wanted].filter(([uid]) => !pods.has(uid));
    if (old.length === 0 && added.length === 0) return;
    for (const [uid] of old) pods.delete(uid);
    // One of the same name may hold what the new one needs: ports, files.
    await Promise.all(old.map(([, pod]) => options.stop(pod)));
    for (const [uid, pod] of added) {
      pods.set(uid, pod);
      options.start(pod);
    }
    options.onChange();
  };
  const refresh = (): Promise<void> => {
    again = true;
    reading ??= (async () => {
      try {
        while (again && !signal.aborted) {
          again = false;
          await read();
        }
      } catch (error) {
        if (!signal.aborted) log.error({ err: error, folder }, "the folder of static pods cannot be read");
      } finally {
        reading = undefined;
      }
    })();
    return reading;
  };

  await mkdir(folder, { recursive: true });
  let settle: NodeJS.Timeout | undefined;
  const watcher = watch(folder, { signal }, () => {
    clearTimeout(settle);
    settle = setTimeout(() => void refresh(), SETTLE_MS);
  });
  watcher.on("error", (error) =>
    log.warn({ err: error, folder }, "the folder of static pods is not watched"),
  );
  const recheck = setInterval(() => void refresh(), options.recheckMs ?? RECHECK_MS);
  recheck.unref();
  signal.addEventListener(
    "abort",
    () => {
      clearTimeout(settle);
      clearInterval(recheck);
    },
    { once: true },
  );
  await refresh();
  return { pods: () => pods.values(), get: (uid) => pods.get(uid) };
}
