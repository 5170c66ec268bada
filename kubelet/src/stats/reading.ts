/** One reading of everything: the node's counters, and those of each running container and each pod's network. */
import type { InterfaceFigures } from "@coracle/shared/api/summary.ts";
import { LABEL } from "../container/names.ts";
import type { ContainerStats, Runtime, RuntimeContainer } from "../runtime/runtime.ts";
import type { Filesystem, HostMemory, HostReader } from "./host.ts";
import type { Rate, Rates } from "./rates.ts";

export interface NodeReading {
  readonly atMs: number;
  readonly cpuNanos: number;
  readonly memory: HostMemory;
  readonly pageFaults: { readonly all: number; readonly major: number };
  readonly network: readonly InterfaceFigures[];
  readonly processes: { readonly max: number; readonly current: number };
  readonly bootTimeMs: number;
  readonly nodeFs: Filesystem | undefined;
  readonly imageFs: Filesystem | undefined;
  /** This process. */
  readonly self: {
    readonly cpuNanos: number;
    readonly rssBytes: number;
    readonly threads: number;
    readonly startedAt: number;
  };
}

export interface ContainerReading {
  readonly container: RuntimeContainer;
  readonly name: string;
  readonly sandbox: boolean;
  readonly stats: ContainerStats;
  readonly rate: Rate | undefined;
}

export interface PodReading {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly containers: readonly ContainerReading[];
  readonly network: readonly InterfaceFigures[];
}

export interface Reading {
  readonly node: NodeReading;
  readonly nodeRate: Rate | undefined;
  readonly selfRate: Rate | undefined;
  readonly pods: readonly PodReading[];
}

/** What the node has of the machine: what its pods and the kubelet use of it is then what the node uses. Undefined: all. */
export interface MachinePart {
  readonly memoryBytes?: number | undefined;
  readonly pids?: number | undefined;
}

export interface ReadingSources {
  readonly host: HostReader;
  readonly runtime: Pick<Runtime, "stats">;
  readonly containers: () => Iterable<RuntimeContainer>;
  /** A directory on the file system of the node's own files, and one on that of the images by the engine's paths. */
  readonly nodeDirectory: string;
  readonly engineDirectory: string;
  readonly part: MachinePart;
  readonly startedAt: number;
  readonly now: () => number;
}

/** Questions to the engine that are under way at once. */
const AT_ONCE = 16;
const NODE = "node";
const SELF = "kubelet";

/** Calls `work` for each item, a few at a time. */
export async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const take = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, take));
  return results;
}

/** An image store that cannot be seen from here shares the node's disk as far as anyone can tell. */
export async function imageFilesystem(
  host: HostReader,
  at: Pick<ReadingSources, "nodeDirectory" | "engineDirectory">,
): Promise<Filesystem | undefined> {
  const directory = await host.enginePath(at.engineDirectory);
  return (directory && (await host.filesystem(directory))) || host.filesystem(at.nodeDirectory);
}

async function readNode(sources: ReadingSources): Promise<NodeReading> {
  const { host, now } = sources;
  const [cpuNanos, memory, pageFaults, network, processes, threads, bootTimeMs, nodeFs, imageFs] =
    await Promise.all([
      host.cpuNanos(),
      host.memory(),
      host.pageFaults(),
      host.network("self"),
      host.processes(),
      host.threads(),
      host.bootTimeMs(),
      host.filesystem(sources.nodeDirectory),
      imageFilesystem(host, sources),
    ]);
  const { user, system } = process.cpuUsage();
  return {
    atMs: now(),
    cpuNanos,
    memory,
    pageFaults,
    network,
    processes,
    bootTimeMs,
    nodeFs,
    imageFs,
    self: {
      cpuNanos: (user + system) * 1000,
      rssBytes: process.memoryUsage.rss(),
      threads,
      startedAt: sources.startedAt,
    },
  };
}

/** Reads everything once. A container that has ended meanwhile is left out. */
export async function takeReading(sources: ReadingSources, rates: Rates): Promise<Reading> {
  const running = [...sources.containers()].filter((c) => c.state === "running");
  const [node, containers] = await Promise.all([
    readNode(sources),
    each(running, async (container) => ({ container, stats: await sources.runtime.stats(container.id) })),
  ]);
  rates.keep(new Set([NODE, SELF, ...running.map((c) => c.id)]));
  const read = containers.flatMap(({ container, stats }): ContainerReading[] => {
    if (!stats) return [];
    const sandbox = container.labels[LABEL.type] === "sandbox";
    return [
      {
        container,
        name: sandbox ? "POD" : (container.labels[LABEL.container] ?? ""),
        sandbox,
        stats,
        rate: rates.add(container.id, stats.atMs, stats.cpuNanos),
      },
    ];
  });
  const byPod = [...Map.groupBy(read, ({ container }) => container.labels[LABEL.podUid] ?? "")];
  const pods = await each(byPod, ([uid, members]) => readPod(sources.host, uid, members));
  return {
    node: { ...node, ...ownUse(sources.part, node, read) },
    nodeRate: rates.add(NODE, node.atMs, node.cpuNanos),
    selfRate: rates.add(SELF, node.atMs, node.self.cpuNanos),
    pods,
  };
}

function ownUse(
  { memoryBytes, pids }: MachinePart,
  { self, processes }: NodeReading,
  containers: readonly ContainerReading[],
): Partial<Pick<NodeReading, "memory" | "processes">> {
  const total = (own: number, value: (stats: ContainerStats) => number): number =>
    containers.reduce((sum, { stats }) => sum + value(stats), own);
  return {
    ...(memoryBytes !== undefined && {
      memory: {
        totalBytes: memoryBytes,
        usageBytes: total(self.rssBytes, (s) => s.memoryBytes),
        workingSetBytes: total(self.rssBytes, (s) => s.workingSetBytes),
        rssBytes: total(self.rssBytes, (s) => s.rssBytes),
      },
    }),
    ...(pids !== undefined && {
      processes: { max: Math.min(pids, processes.max), current: total(self.threads, (s) => s.pids) },
    }),
  };
}

async function readPod(
  host: HostReader,
  uid: string,
  containers: readonly ContainerReading[],
): Promise<PodReading> {
  const sandbox = containers.find((c) => c.sandbox);
  const labels = (sandbox ?? containers[0])?.container.labels ?? {};
  return {
    uid,
    name: labels[LABEL.podName] ?? "",
    namespace: labels[LABEL.podNamespace] ?? "",
    containers,
    network: sandbox ? await host.network(sandbox.container.pid) : [],
  };
}

/** Whether some speed is still unknown. */
export const lacksRates = (reading: Reading): boolean =>
  reading.nodeRate === undefined ||
  reading.pods.some((pod) => pod.containers.some((c) => !c.sandbox && c.rate === undefined));
