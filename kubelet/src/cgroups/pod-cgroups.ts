/**
 * A control group around a pod's containers, for what the pod asks for as a whole. The engine makes its containers' groups below one
 * it is told of; what that one may use is written here.
 */
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import type { ContainerResources } from "../runtime/runtime.ts";

export interface PodCgroups {
  /** Makes the pod's group, or changes it. Its name for the engine; undefined where this host has no such groups to give. */
  set(uid: string, resources: ContainerResources): Promise<string | undefined>;
  /** What the kernel could not take back at once. */
  memoryInUse(uid: string): Promise<number>;
  remove(uid: string): Promise<void>;
  /** Removes the groups of pods that are no more. */
  sweep(uids: ReadonlySet<string>): Promise<void>;
}

export interface PodCgroupsOptions {
  readonly version: 1 | 2;
  /** Where the engine's host has its groups, as this process can write there now; undefined when it cannot. */
  readonly root: () => Promise<string | undefined>;
  /** Below the root: this node's. */
  readonly name: string;
}

type Setting = readonly [file: string, value: string];

const PERIOD = 100_000;
const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** The kernel's other scale for the same weight: 2 to 262144 becomes 1 to 10000. */
const weightOf = (shares: number): number => 1 + Math.floor(((shares - 2) * 9999) / 262_142);

/** By controller, in the order in which they are written. */
function settingsFor(version: 1 | 2, r: ContainerResources): Readonly<Record<string, readonly Setting[]>> {
  const period = r.cpuPeriod ?? PERIOD;
  if (version === 2)
    return {
      "": [
        ["memory.max", String(r.memoryBytes ?? "max")],
        ["cpu.max", `${r.cpuQuota ?? "max"} ${period}`],
        ["cpu.weight", String(weightOf(r.cpuShares ?? 2))],
      ],
    };
  return {
    memory: [["memory.limit_in_bytes", String(r.memoryBytes ?? -1)]],
    cpu: [
      ["cpu.cfs_period_us", String(period)],
      ["cpu.cfs_quota_us", String(r.cpuQuota ?? -1)],
      ["cpu.shares", String(r.cpuShares ?? 2)],
    ],
  };
}

/** Nothing that is not there, or that still holds something. */
async function removeDirectory(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!["ENOENT", "EBUSY", "ENOTEMPTY"].includes(code(error) ?? "")) throw error;
  }
}

const names = (path: string): Promise<string[]> => readdir(path).catch(() => []);

/** Groups of a host whose engine makes them in the kernel's file system itself, not through systemd. */
export function createPodCgroups({ version, root, name }: PodCgroupsOptions): PodCgroups {
  /** The directories of this node: one, or one a controller. */
  const bases = async (at: string): Promise<string[]> =>
    version === 2 ? [join(at, name)] : (await names(at)).map((controller) => join(at, controller, name));

  const make = async (at: string, uid: string): Promise<void> => {
    const directory = join(at, name, uid);
    await mkdir(directory, { recursive: true });
    if (version === 1) return;
    // A group has the controllers that those above it hand down.
    const path = join(name, uid).split("/").slice(0, -1);
    for (let depth = 0; depth <= path.length; depth += 1)
      await writeFile(join(at, ...path.slice(0, depth), "cgroup.subtree_control"), "+memory +cpu");
  };
  return {
    async set(uid, resources) {
      const at = await root();
      if (at === undefined) return undefined;
      for (const [controller, settings] of Object.entries(settingsFor(version, resources))) {
        await make(join(at, controller), uid);
        for (const [file, value] of settings) await writeFile(join(at, controller, name, uid, file), value);
      }
      return posix.join("/", name, uid);
    },
    async memoryInUse(uid) {
      const at = await root();
      if (at === undefined) return 0;
      const group = join(at, version === 2 ? "" : "memory", name, uid);
      const file = version === 2 ? "memory.current" : "memory.usage_in_bytes";
      const inactive = version === 2 ? /^inactive_file (\d+)$/m : /^total_inactive_file (\d+)$/m;
      const [usage, stat] = await Promise.all(
        [file, "memory.stat"].map((f) => readFile(join(group, f), "utf8")),
      );
      return Math.max(0, Number(usage) - Number(inactive.exec(stat ?? "")?.[1] ?? 0));
    },
    async remove(uid) {
      const at = await root();
      if (at === undefined) return;
      for (const base of await bases(at)) await removeDirectory(join(base, uid));
    },
    async sweep(uids) {
      const at = await root();
      if (at === undefined) return;
      for (const base of await bases(at))
        for (const entry of await readdir(base, { withFileTypes: true }).catch(() => []))
          if (entry.isDirectory() && !uids.has(entry.name)) await removeDirectory(join(base, entry.name));
    },
  };
}

/** Where there are none: an engine that goes through systemd, or no engine. */
export const noPodCgroups: PodCgroups = {
  set: () => Promise.resolve(undefined),
  memoryInUse: () => Promise.resolve(0),
  remove: () => Promise.resolve(),
  sweep: () => Promise.resolve(),
};
