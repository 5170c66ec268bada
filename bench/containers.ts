import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What the cluster's processes take of the machine, read from the kernel. Linux only, on the machine of the engine. */
export interface Container {
  readonly name: string;
  /** CPU time of all its processes so far. */
  readonly cpuMs: () => number;
  /** Resident memory of its main process: what it has mapped, Node's own code in each of them too. */
  readonly residentMiB: () => number;
  /** Its share of the machine's memory: pages that several processes map count for each in part. */
  readonly proportionalMiB: () => number;
  /** Its address on the nodes' network; empty when it has none. */
  readonly address: string;
}

const docker = (...args: string[]): string => execFileSync("docker", args, { encoding: "utf8" }).trim();

/** The running containers of the cluster, without pause containers. */
export function clusterContainers(cluster = process.env["CORACLE_CLUSTER"] ?? "coracle"): Container[] {
  const ids = docker("ps", "--quiet", "--filter", `label=io.coracle.cluster=${cluster}`);
  if (ids === "") throw new Error(`no container of the cluster ${cluster} is running`);
  const format =
    '{{.Name}} {{.State.Pid}} {{with index .NetworkSettings.Networks "NET"}}{{.IPAddress}}{{end}}'.replace(
      "NET",
      `${cluster}_nodes`,
    );
  return docker("inspect", "--format", format, ...ids.split("\n"))
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([name = ""]) => !name.startsWith("/k8s_POD_"))
    .map(([name = "", pid = "", address = ""]) => containerOf(shortName(name, cluster), pid, address))
    .filter(({ name }) => !name.startsWith("sweeper"))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** `perf-apiserver-1` → `apiserver-1`, `k8s_dns_coracle-dns-…` → `dns`. */
function shortName(name: string, cluster: string): string {
  const bare = name.slice(1);
  return bare.startsWith("k8s_") ? (bare.split("_")[1] ?? bare) : bare.replace(`${cluster}-`, "");
}

function containerOf(name: string, pid: string, address: string): Container {
  const cpu = cpuReader(pid);
  return {
    name,
    address,
    cpuMs: cpu,
    residentMiB: () => mebibytes(`/proc/${pid}/status`, "VmRSS"),
    proportionalMiB: () => mebibytes(`/proc/${pid}/smaps_rollup`, "Pss"),
  };
}

function mebibytes(file: string, field: string): number {
  const [, kib = "0"] = new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(file, "utf8")) ?? [];
  return Number(kib) / 1024;
}

/** The CPU time of a process's control group, of either version. */
function cpuReader(pid: string): () => number {
  const groups = readFileSync(`/proc/${pid}/cgroup`, "utf8");
  const [, first] = /^\d+:[^:]*\bcpuacct\b[^:]*:(.*)$/m.exec(groups) ?? [];
  if (first !== undefined) {
    const file = `/sys/fs/cgroup/cpuacct${first}/cpuacct.usage`;
    return () => Number(readFileSync(file, "utf8")) / 1e6;
  }
  const [, path = ""] = /^0::(.*)$/m.exec(groups) ?? [];
  const file = `/sys/fs/cgroup${path}/cpu.stat`;
  return () => Number(/^usage_usec (\d+)/m.exec(readFileSync(file, "utf8"))?.[1] ?? NaN) / 1000;
}

/** What was spent for each of a job's operations since `before`, by the containers that spent anything. */
export function cpuBetween(
  containers: readonly Container[],
  before: readonly number[],
  { count, clientMs }: { readonly count: number; readonly clientMs: number },
): string {
  const each = containers.map(({ name, cpuMs }, i) => ({ name, ms: (cpuMs() - (before[i] ?? 0)) / count }));
  const worth = [...each, { name: "client", ms: clientMs }].filter(({ ms }) => ms >= 0.005);
  return worth.map(({ name, ms }) => `${name} ${ms.toFixed(3)}`).join(", ") + " ms";
}
