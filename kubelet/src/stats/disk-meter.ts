/** How much lies below a directory. Walking one costs reads, so it is done one at a time and not again soon. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

export interface DiskUsage {
  readonly bytes: number;
  readonly inodes: number;
  readonly atMs: number;
}

export interface DiskMeter {
  /** What was measured last; measures in the background when that is older than `maxAgeMs`. */
  known(path: string, maxAgeMs: number): DiskUsage | undefined;
  /** Measured at most `maxAgeMs` ago, or longer ago where measuring takes long. Undefined when there is no such directory. */
  measure(path: string, maxAgeMs: number): Promise<DiskUsage | undefined>;
}

interface Entry {
  usage: DiskUsage | undefined;
  /** When the last walk ended, and how long it took. */
  doneAt: number;
  tookMs: number;
  running: Promise<DiskUsage | undefined> | undefined;
  askedAt: number;
}

/** A walk may take one twentieth of the time. */
const EFFORT = 20;
const FORGET_MS = 600_000;
const BLOCK = 512;
const AT_ONCE = 32;

const vanished = (error: unknown): undefined => {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR" || code === "ESRCH" || code === "EACCES") return undefined;
  throw error;
};

/** Blocks in use below a directory on its own file system; a file with several names counts once. */
export async function walk(
  root: string,
  signal?: AbortSignal,
): Promise<{ bytes: number; inodes: number } | undefined> {
  const top = await lstat(join(root, ".")).catch(vanished);
  if (!top) return undefined;
  const linked = new Set<number>();
  let bytes = top.blocks * BLOCK;
  let inodes = 1;
  const pending = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    signal?.throwIfAborted();
    const at = directory;
    const names = (await readdir(at).catch(vanished)) ?? [];
    for (let i = 0; i < names.length; i += AT_ONCE) {
      const found = await Promise.all(
        names.slice(i, i + AT_ONCE).map(async (name) => {
          const path = join(at, name);
          return { path, stat: await lstat(path).catch(vanished) };
        }),
      );
      for (const { path, stat } of found) {
        if (!stat || stat.dev !== top.dev || (stat.nlink > 1 && !stat.isDirectory() && linked.has(stat.ino)))
          continue;
        if (stat.nlink > 1 && !stat.isDirectory()) linked.add(stat.ino);
        bytes += stat.blocks * BLOCK;
        inodes += 1;
        if (stat.isDirectory()) pending.push(path);
      }
    }
  }
  return { bytes, inodes };
}

/** A meter; `measureNow` and the clock, which must never jump, are others in tests. */
export function createDiskMeter(
  signal: AbortSignal,
  measureNow: typeof walk = walk,
  now: () => number = () => performance.now(),
): DiskMeter {
  const entries = new Map<string, Entry>();
  let line: Promise<unknown> = Promise.resolve();

  const entryOf = (path: string): Entry => {
    for (const [key, entry] of entries)
      if (!entry.running && now() - entry.askedAt > FORGET_MS) entries.delete(key);
    const entry = entries.get(path) ?? {
      usage: undefined,
      doneAt: -Infinity,
      tookMs: 0,
      running: undefined,
      askedAt: now(),
    };
    entry.askedAt = now();
    entries.set(path, entry);
    return entry;
  };
  const run = async (path: string, entry: Entry): Promise<DiskUsage | undefined> => {
    try {
      const start = now();
      const found = await measureNow(path, signal);
      entry.doneAt = now();
      entry.tookMs = entry.doneAt - start;
      entry.usage = found && { ...found, atMs: Date.now() };
      return entry.usage;
    } finally {
      entry.running = undefined;
    }
  };
  const measure = async (path: string, maxAgeMs: number): Promise<DiskUsage | undefined> => {
    const entry = entryOf(path);
    if (entry.running) return entry.running;
    if (now() - entry.doneAt <= Math.max(maxAgeMs, entry.tookMs * EFFORT)) return entry.usage;
    entry.running = line.then(() => run(path, entry));
    // Who asked hears of a failure; the next in line does not.
    line = entry.running.catch(() => undefined);
    return entry.running;
  };
  return {
    measure,
    known(path, maxAgeMs) {
      const entry = entryOf(path);
      // A directory that cannot be read has no figure; whoever needs one asks with `measure` and hears why.
      measure(path, maxAgeMs).catch(() => undefined);
      return entry.usage;
    },
  };
}
