/** What the kernel says of the machine: a few small files of /proc, the same with cgroup v1 and v2. */
import { access, readdir, readFile, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { InterfaceFigures } from "@coracle/shared/api/summary.ts";

export interface HostMemory {
  readonly totalBytes: number;
  readonly usageBytes: number;
  /** Without what the kernel can take back at once. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
}

export interface Filesystem {
  readonly availableBytes: number;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly inodesFree: number;
  readonly inodes: number;
}

export interface HostReader {
  /** Time all processors have worked since the boot. */
  cpuNanos(): Promise<number>;
  memory(): Promise<HostMemory>;
  pageFaults(): Promise<{ readonly all: number; readonly major: number }>;
  /** Interfaces of the network namespace that the process is in, without loopback. */
  network(pid: number | "self"): Promise<readonly InterfaceFigures[]>;
  /** Threads that exist, and how many may. */
  processes(): Promise<{ readonly max: number; readonly current: number }>;
  /** Threads of this process. */
  threads(): Promise<number>;
  bootTimeMs(): Promise<number>;
  /** Undefined when the path cannot be seen from here. */
  filesystem(path: string): Promise<Filesystem | undefined>;
  /** One of the engine's paths, as this process can read it; undefined when it cannot. */
  enginePath(path: string): Promise<string | undefined>;
  /** Where a container keeps what it writes to its root file system, as this process can read it. */
  writableLayer(pid: number): Promise<string | undefined>;
}

/** The kernel counts in hundredths of a second here, on every architecture Linux has. */
const TICK_NANOS = 1e9 / 100;
const KIB = 1024;
/** To look at every process is not cheap: where there is no engine, not at every question. */
const SEEK_MS = 60_000;
const ENGINES: ReadonlySet<string> = new Set(["dockerd", "podman"]);

/** The first line of /proc/stat: user nice system idle iowait irq softirq steal. */
export function parseCpuNanos(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = stat
    .slice(0, stat.indexOf("\n"))
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_NANOS;
}

/** /proc/meminfo. */
export function parseMemory(meminfo: string): HostMemory {
  const kib = (name: string): number =>
    Number(new RegExp(`^${name.replaceAll(/[()]/g, "\\$&")}:\\s+(\\d+)`, "m").exec(meminfo)?.[1] ?? 0);
  const totalBytes = kib("MemTotal") * KIB;
  const usageBytes = totalBytes - kib("MemFree") * KIB;
  return {
    totalBytes,
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - kib("Inactive(file)") * KIB),
    rssBytes: kib("AnonPages") * KIB,
  };
}

/** /proc/<pid>/net/dev, without loopback. */
export function parseInterfaces(text: string): InterfaceFigures[] {
  return text.split("\n").flatMap((line) => {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim();
    if (!name || name === "lo") return [];
    const n = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    return [{ name, rxBytes: n[0] ?? 0, rxErrors: n[2] ?? 0, txBytes: n[8] ?? 0, txErrors: n[10] ?? 0 }];
  });
}

/** The writable directory of an overlay root, from /proc/<pid>/mountinfo. */
export function parseUpperDirectory(mountinfo: string): string | undefined {
  const root = mountinfo.split("\n").find((line) => line.split(" ")[4] === "/");
  return /(?:^|,)upperdir=([^,]+)/.exec(root?.split(" ").at(-1) ?? "")?.[1];
}

/**
 * The engine's files are those of its own process's root: this process lives in another, and the machine's first process may be
 * out of reach, or (on a desktop) see other disks than the engine does.
 */
function createEngineRoot(proc: string): (path: string) => Promise<string | undefined> {
  let root: string | undefined;
  let soughtAt = -Infinity;
  const exists = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );
  const find = async (path: string): Promise<string | undefined> => {
    const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name)).toSorted((a, b) => +a - +b);
    for (const pid of pids) {
      // A process may end while its name is read.
      const name = await readFile(join(proc, pid, "comm"), "utf8").catch(() => "");
      const candidate = join(proc, pid, "root");
      if ((pid === "1" || ENGINES.has(name.trim())) && (await exists(join(candidate, path))))
        return candidate;
    }
    return undefined;
  };
  return async (path) => {
    if (root !== undefined && (await exists(join(root, path)))) return join(root, path);
    // An engine that has restarted is another process. One that was found keeps its place for a path that is gone.
    if (root !== undefined && (await exists(root))) return undefined;
    if (performance.now() - soughtAt < SEEK_MS) return undefined;
    root = await find(path);
    soughtAt = root === undefined ? performance.now() : -Infinity;
    return root && join(root, path);
  };
}

/** A reader of this machine; `proc` is another directory in tests. */
export function createHostReader(proc = "/proc"): HostReader {
  const read = (...path: string[]): Promise<string> => readFile(join(proc, ...path), "utf8");
  /** A process that has ended in the meantime has no figures. */
  const readProcess = async (pid: number | "self", file: string): Promise<string> => {
    try {
      return await read(String(pid), file);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ESRCH" || code === "EINVAL" || code === "EACCES") return "";
      throw error;
    }
  };
  const enginePath = createEngineRoot(proc);
  return {
    enginePath,
    cpuNanos: async () => parseCpuNanos(await read("stat")),
    memory: async () => parseMemory(await read("meminfo")),
    pageFaults: async () => {
      const text = await read("vmstat");
      const count = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1] ?? 0);
      return { all: count("pgfault"), major: count("pgmajfault") };
    },
    network: async (pid) => parseInterfaces(await readProcess(pid, "net/dev")),
    processes: async () => {
      const [load, pids, threads] = await Promise.all([
        read("loadavg"),
        read("sys/kernel/pid_max"),
        read("sys/kernel/threads-max"),
      ]);
      return {
        max: Math.min(Number(pids), Number(threads)),
        current: Number(/\d+\/(\d+)/.exec(load)?.[1] ?? 0),
      };
    },
    threads: async () => Number(/^Threads:\s+(\d+)/m.exec(await read("self", "status"))?.[1] ?? 0),
    bootTimeMs: async () => Number(/^btime (\d+)/m.exec(await read("stat"))?.[1] ?? 0) * 1000,
    filesystem: async (at) => {
      try {
        const s = await statfs(at);
        return {
          availableBytes: s.bavail * s.bsize,
          capacityBytes: s.blocks * s.bsize,
          usedBytes: (s.blocks - s.bfree) * s.bsize,
          inodesFree: s.ffree,
          inodes: s.files,
        };
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR") return undefined;
        throw error;
      }
    },
    writableLayer: async (pid) => {
      const upper = parseUpperDirectory(await readProcess(pid, "mountinfo"));
      return upper && enginePath(upper);
    },
  };
}
