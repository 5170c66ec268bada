/** The Summary from a reading. Pure. */
import type {
  ContainerSummary,
  CpuFigures,
  FsFigures,
  InterfaceFigures,
  MemoryFigures,
  NetworkFigures,
  PodSummary,
  Summary,
  VolumeFigures,
} from "@coracle/shared/api/summary.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import type { ClaimVolume } from "./claims.ts";
import type { DiskUsage } from "./disk-meter.ts";
import type { Filesystem } from "./host.ts";
import type { Rate } from "./rates.ts";
import type { ContainerReading, PodReading, Reading } from "./reading.ts";

/** What lies on disk for a pod, as far as it has been measured. */
export interface PodDisk {
  readonly rootfs: ReadonlyMap<string, DiskUsage>;
  readonly logs: ReadonlyMap<string, DiskUsage>;
  readonly volumes: readonly VolumeUsage[];
}
export interface VolumeUsage {
  readonly name: string;
  readonly usage: DiskUsage;
  /** Its files are in memory: they are no local storage. */
  readonly memory: boolean;
}

export interface SummaryInput {
  readonly node: string;
  readonly reading: Reading;
  readonly disk: (uid: string) => PodDisk | undefined;
  readonly claims?: ((uid: string) => readonly ClaimVolume[]) | undefined;
}

const nanoCores = (rate: Rate | undefined): { usageNanoCores?: number } =>
  rate ? { usageNanoCores: Math.max(0, Math.round(rate.perSecond)) } : {};

const cpu = (atMs: number, nanos: number, rate: Rate | undefined): CpuFigures => ({
  time: formatTime(atMs),
  ...nanoCores(rate),
  usageCoreNanoSeconds: Math.round(nanos),
});

export const filesystem = (atMs: number, fs: Filesystem): FsFigures => ({
  time: formatTime(atMs),
  availableBytes: fs.availableBytes,
  capacityBytes: fs.capacityBytes,
  usedBytes: fs.usedBytes,
  inodesFree: fs.inodesFree,
  inodes: fs.inodes,
  inodesUsed: fs.inodes - fs.inodesFree,
});

/** Usage of a directory on a file system that others use too. */
function directory(usage: DiskUsage | undefined, fs: Filesystem | undefined): FsFigures | undefined {
  if (!usage) return undefined;
  return {
    ...(fs ? filesystem(usage.atMs, fs) : {}),
    time: formatTime(usage.atMs),
    usedBytes: usage.bytes,
    inodesUsed: usage.inodes,
  };
}

function network(atMs: number, interfaces: readonly InterfaceFigures[]): NetworkFigures | undefined {
  const main = interfaces.find((i) => i.name === "eth0") ?? interfaces[0];
  return main && { time: formatTime(atMs), ...main, interfaces };
}

function memory({ stats }: ContainerReading): MemoryFigures {
  // An engine without a limit says the machine's memory, or a number beyond all machines.
  const limited = stats.memoryLimitBytes > 0 && stats.memoryLimitBytes < 2 ** 60;
  return {
    time: formatTime(stats.atMs),
    ...(limited ? { availableBytes: Math.max(0, stats.memoryLimitBytes - stats.workingSetBytes) } : {}),
    usageBytes: stats.memoryBytes,
    workingSetBytes: stats.workingSetBytes,
    rssBytes: stats.rssBytes,
    pageFaults: stats.pageFaults,
    majorPageFaults: stats.majorPageFaults,
  };
}

const sum = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((total, item) => total + value(item), 0);

/** Speeds add up; they are known only when each is. */
function sumRates(rates: readonly (Rate | undefined)[]): Rate | undefined {
  const known = rates.filter((rate) => rate !== undefined);
  if (known.length === 0 || known.length < rates.length) return undefined;
  return { perSecond: sum(known, (r) => r.perSecond), windowMs: Math.max(...known.map((r) => r.windowMs)) };
}

function together(
  atMs: number,
  containers: readonly ContainerReading[],
): { cpu: CpuFigures; memory: MemoryFigures } {
  const total = (value: (c: ContainerReading) => number): number => sum(containers, value);
  return {
    cpu: cpu(
      atMs,
      total((c) => c.stats.cpuNanos),
      sumRates(containers.filter((c) => !c.sandbox).map((c) => c.rate)),
    ),
    memory: {
      time: formatTime(atMs),
      usageBytes: total((c) => c.stats.memoryBytes),
      workingSetBytes: total((c) => c.stats.workingSetBytes),
      rssBytes: total((c) => c.stats.rssBytes),
      pageFaults: total((c) => c.stats.pageFaults),
      majorPageFaults: total((c) => c.stats.majorPageFaults),
    },
  };
}

function podSummary(pod: PodReading, { reading, disk, claims }: SummaryInput): PodSummary {
  const { node } = reading;
  const measured = disk(pod.uid);
  const apps = pod.containers.filter((c) => !c.sandbox);
  const containers = apps.map((c): ContainerSummary => {
    const rootfs = directory(measured?.rootfs.get(c.name), node.imageFs);
    const logs = directory(measured?.logs.get(c.name), node.imageFs);
    return {
      name: c.name,
      startTime: formatTime(c.container.startedAt ?? c.container.createdAt),
      cpu: cpu(c.stats.atMs, c.stats.cpuNanos, c.rate),
      memory: memory(c),
      ...(rootfs ? { rootfs } : {}),
      ...(logs ? { logs } : {}),
    };
  });
  const sandbox = pod.containers.find((c) => c.sandbox) ?? pod.containers[0];
  const volume = [
    ...(measured?.volumes ?? []).map(({ name, usage, memory: inMemory }): VolumeFigures => ({
      ...(directory(usage, inMemory ? undefined : node.nodeFs) as FsFigures),
      name,
    })),
    ...(claims?.(pod.uid) ?? []).map(({ name, claim, fs }): VolumeFigures => ({
      ...filesystem(node.atMs, fs),
      name,
      pvcRef: claim,
    })),
  ];
  const interfaces = network(node.atMs, pod.network);
  return {
    podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
    startTime: formatTime(sandbox?.container.createdAt ?? 0),
    containers,
    ...together(node.atMs, pod.containers),
    ...(interfaces ? { network: interfaces } : {}),
    ...(volume.length > 0 ? { volume } : {}),
    ...(measured ? { "ephemeral-storage": ephemeral(measured, reading) } : {}),
    process_stats: { process_count: sum(pod.containers, (c) => c.stats.pids) },
  };
}

/** Writable layers, logs and the volumes that lie on disk. */
function ephemeral(disk: PodDisk, { node }: Reading): FsFigures {
  const parts = [
    ...disk.rootfs.values(),
    ...disk.logs.values(),
    ...disk.volumes.filter((v) => !v.memory).map((v) => v.usage),
  ];
  return {
    ...(node.nodeFs ? filesystem(node.atMs, node.nodeFs) : {}),
    time: formatTime(node.atMs),
    usedBytes: sum(parts, (p) => p.bytes),
    inodesUsed: sum(parts, (p) => p.inodes),
  };
}

/**
 * The node's figures are the machine's: nodes that share one see the same ones. What this node alone uses is in `systemContainers`
 * (`kubelet`, `pods`).
 */
export function buildSummary(input: SummaryInput): Summary {
  const { reading } = input;
  const { node, nodeRate } = reading;
  const nodeNetwork = network(node.atMs, node.network);
  const all = reading.pods.flatMap((pod) => pod.containers);
  return {
    node: {
      nodeName: input.node,
      startTime: formatTime(node.bootTimeMs),
      systemContainers: [
        {
          name: "kubelet",
          startTime: formatTime(node.self.startedAt),
          cpu: cpu(node.atMs, node.self.cpuNanos, reading.selfRate),
          memory: {
            time: formatTime(node.atMs),
            usageBytes: node.self.rssBytes,
            workingSetBytes: node.self.rssBytes,
            rssBytes: node.self.rssBytes,
          },
        },
        { name: "pods", startTime: formatTime(node.self.startedAt), ...together(node.atMs, all) },
      ],
      cpu: cpu(node.atMs, node.cpuNanos, nodeRate),
      memory: {
        time: formatTime(node.atMs),
        availableBytes: Math.max(0, node.memory.totalBytes - node.memory.workingSetBytes),
        usageBytes: node.memory.usageBytes,
        workingSetBytes: node.memory.workingSetBytes,
        rssBytes: node.memory.rssBytes,
        pageFaults: node.pageFaults.all,
        majorPageFaults: node.pageFaults.major,
      },
      ...(nodeNetwork ? { network: nodeNetwork } : {}),
      ...(node.nodeFs ? { fs: filesystem(node.atMs, node.nodeFs) } : {}),
      ...(node.imageFs ? { runtime: { imageFs: filesystem(node.atMs, node.imageFs) } } : {}),
      rlimit: {
        time: formatTime(node.atMs),
        maxpid: node.processes.max,
        curproc: node.processes.current,
      },
    },
    pods: reading.pods
      .filter((pod) => pod.uid !== "" && pod.containers.some((c) => !c.sandbox))
      .map((pod) => podSummary(pod, input)),
    windowMs: nodeRate?.windowMs ?? 0,
  };
}
