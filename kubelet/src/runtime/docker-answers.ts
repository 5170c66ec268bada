/** What the engine answers, in the kubelet's terms. */
import type { ContainerInspectInfo } from "dockerode";
import type { ContainerStats, RuntimeContainer } from "./runtime.ts";

export interface EngineInfo {
  readonly CgroupVersion?: string;
  readonly CgroupDriver?: string;
  readonly OperatingSystem?: string;
  readonly SecurityOptions?: readonly string[] | null;
  readonly DockerRootDir?: string;
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
}

/** The engine's zero time is in the year 1. */
const time = (text: string | undefined): number | undefined => {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms;
};

/** An inspected container. A paused one counts as running; one that never started but failed to counts as exited. */
export function toContainer(c: ContainerInspectInfo): RuntimeContainer {
  const startedAt = time(c.State.StartedAt);
  const running = c.State.Running || c.State.Paused || c.State.Restarting;
  const failedToStart = c.State.Status === "created" && c.State.Error !== "";
  return {
    id: c.Id,
    name: c.Name.replace(/^\//, ""),
    labels: c.Config.Labels ?? {},
    image: c.Config.Image,
    imageId: c.Image,
    state: running ? "running" : c.State.Status === "created" && !failedToStart ? "created" : "exited",
    pid: c.State.Pid,
    createdAt: time(c.Created) ?? 0,
    startedAt,
    finishedAt: time(c.State.FinishedAt),
    exitCode: c.State.ExitCode,
    oomKilled: c.State.OOMKilled,
    error: c.State.Error,
    stopSignal: (c.Config as { StopSignal?: string }).StopSignal || "SIGTERM",
    tty: c.Config.Tty,
    stdin: c.Config.OpenStdin,
  };
}

export interface EngineStats {
  readonly read?: string;
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } };
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly pids_stats?: { readonly current?: number };
}

/** Figures of cgroup v1 and v2, whose counters have different names. Undefined for a container that does not run. */
export function toStats(s: EngineStats): ContainerStats | undefined {
  const usage = s.memory_stats?.usage;
  if (usage === undefined) return undefined;
  const counters = s.memory_stats?.stats ?? {};
  const inactive = counters["total_inactive_file"] ?? counters["inactive_file"] ?? 0;
  return {
    atMs: Date.parse(s.read ?? "") || Date.now(),
    cpuNanos: s.cpu_stats?.cpu_usage?.total_usage ?? 0,
    memoryBytes: usage,
    workingSetBytes: Math.max(0, usage - inactive),
    rssBytes: counters["total_rss"] ?? counters["anon"] ?? 0,
    memoryLimitBytes: s.memory_stats?.limit ?? 0,
    pageFaults: counters["total_pgfault"] ?? counters["pgfault"] ?? 0,
    majorPageFaults: counters["total_pgmajfault"] ?? counters["pgmajfault"] ?? 0,
    pids: s.pids_stats?.current ?? 0,
  };
}
