/** The figures of this node and its pods, read when somebody asks and not otherwise. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Summary } from "@coracle/shared/api/summary.ts";
import { podUid } from "../container/names.ts";
import type { Runtime, RuntimeContainer } from "../runtime/runtime.ts";
import { createDiskMeter, type DiskMeter } from "./disk-meter.ts";
import { createHostReader, type HostMemory, type HostReader } from "./host.ts";
import { knownPodDisk, measurePodDisk, type PodDiskSources } from "./pod-disk.ts";
import { createRates } from "./rates.ts";
import { each, lacksRates, takeReading, type Reading } from "./reading.ts";
import { buildSummary, type PodDisk } from "./summary.ts";

export interface StatsOptions {
  readonly node: string;
  readonly runtime: Pick<Runtime, "stats">;
  /** Containers and sandboxes of all pods of this node. */
  readonly containers: () => Iterable<RuntimeContainer>;
  readonly ofPod: (uid: string) => Iterable<RuntimeContainer>;
  readonly pods: () => Iterable<Pod>;
  /** Where the node keeps its own files. */
  readonly dataDirectory: string;
  /** `RuntimeInfo.rootDir`. */
  readonly engineDirectory: string;
  /** The node's part of the machine's memory, where it has one. */
  readonly ownMemoryBytes?: number | undefined;
  readonly signal: AbortSignal;
  readonly host?: HostReader | undefined;
  readonly meter?: DiskMeter | undefined;
  readonly now?: (() => number) | undefined;
  /** A clock that never jumps. */
  readonly steady?: (() => number) | undefined;
  readonly startedAt?: number | undefined;
}

export interface Stats {
  /** Counters and speeds; shared by all who ask within a second. */
  reading(): Promise<Reading>;
  summary(): Promise<Summary>;
  /** A pod's local storage, measured at most so long ago. */
  disk(pod: Pod, maxAgeMs: number): Promise<PodDisk>;
  readonly host: HostReader;
  /** The memory of a node that has a part of the machine's only; undefined when it has all of it. */
  ownMemory(): Promise<HostMemory | undefined>;
}

const FRESH_MS = 1_000;
/** Between the two readings of a first answer. */
const PAIR_MS = 200;
const DISK_AGE_MS = 60_000;

/** Nothing runs in the background: speeds come from the reading before, or from a second one taken at once when there is none. */
export function createStats(options: StatsOptions): Stats {
  const { signal, now = Date.now, steady = () => performance.now() } = options;
  const host = options.host ?? createHostReader();
  const rates = createRates();
  const sources = {
    host,
    runtime: options.runtime,
    containers: options.containers,
    nodeDirectory: options.dataDirectory,
    engineDirectory: options.engineDirectory,
    ownMemoryBytes: options.ownMemoryBytes,
    startedAt: options.startedAt ?? now(),
    now,
  };
  const diskSources: PodDiskSources = {
    host,
    meter: options.meter ?? createDiskMeter(signal),
    ofPod: options.ofPod,
    engineDirectory: options.engineDirectory,
  };
  let last: { readonly at: number; readonly reading: Promise<Reading> } | undefined;

  const read = async (): Promise<Reading> => {
    const first = await takeReading(sources, rates);
    if (!lacksRates(first)) return first;
    await sleep(PAIR_MS, undefined, { signal });
    return takeReading(sources, rates);
  };
  const reading = (): Promise<Reading> => {
    if (last && steady() - last.at < FRESH_MS) return last.reading;
    const taken = { at: steady(), reading: read() };
    last = taken;
    // The next one asks anew; this failure is for who waits for it.
    taken.reading.catch(() => {
      if (last === taken) last = undefined;
    });
    return taken.reading;
  };
  return {
    host,
    reading,
    ownMemory: async () => (options.ownMemoryBytes === undefined ? undefined : (await reading()).node.memory),
    disk: (pod, maxAgeMs) => measurePodDisk(diskSources, pod, maxAgeMs),
    summary: async () => {
      const [taken, disks] = await Promise.all([
        reading(),
        each(
          [...options.pods()],
          async (pod) => [podUid(pod), await knownPodDisk(diskSources, pod, DISK_AGE_MS)] as const,
        ),
      ]);
      const byUid = new Map(disks);
      return buildSummary({ node: options.node, reading: taken, disk: (uid) => byUid.get(uid) });
    },
  };
}
