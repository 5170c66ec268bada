/** The figures of this node and its pods, read when somebody asks and not otherwise. */
import { claimVolumes, type ClaimVolume } from "./claims.ts";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Summary } from "@coracle/shared/api/summary.ts";
import { podUid } from "../container/names.ts";
import type { Runtime, RuntimeContainer } from "../runtime/runtime.ts";
import { createDiskMeter, type DiskMeter } from "./disk-meter.ts";
import { createHostReader, type HostReader } from "./host.ts";
import { knownPodDisk, measurePodDisk, type PodDiskSources } from "./pod-disk.ts";
import { createRates } from "./rates.ts";
import {
  each,
  lacksRates,
  takeReading,
  type MachinePart,
  type NodeReading,
  type Reading,
} from "./reading.ts";
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
  /** What the node has of the machine, where that is not all of it. */
  readonly part?: MachinePart | undefined;
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
  /** The volumes that a pod has claimed, now. */
  claims(pod: Pod): Promise<readonly ClaimVolume[]>;
  readonly host: HostReader;
  /** What a node uses of what it has only a part of. */
  own(): Promise<Partial<Pick<NodeReading, "memory" | "processes">>>;
}

const FRESH_MS = 1_000;
/** Between the two readings of a first answer. */
const PAIR_MS = 200;
const DISK_AGE_MS = 60_000;

/** Nothing runs in the background: speeds come from the reading before, or from a second one taken at once when there is none. */
export function createStats(options: StatsOptions): Stats {
  const { signal, now = Date.now, steady = () => performance.now() } = options;
  const { part = {} } = options;
  const host = options.host ?? createHostReader();
  const rates = createRates();
  const sources = {
    host,
    runtime: options.runtime,
    containers: options.containers,
    nodeDirectory: options.dataDirectory,
    engineDirectory: options.engineDirectory,
    part,
    startedAt: options.startedAt ?? now(),
    now,
  };
  const diskSources: PodDiskSources = {
    host,
    meter: options.meter ?? createDiskMeter(signal),
    ofPod: options.ofPod,
    engineDirectory: options.engineDirectory,
  };
  const claims = (pod: Pod): Promise<ClaimVolume[]> => claimVolumes({ host, ofPod: options.ofPod }, pod);
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
    own: async () => {
      if (part.memoryBytes === undefined && part.pids === undefined) return {};
      const { memory, processes } = (await reading()).node;
      return {
        ...(part.memoryBytes !== undefined && { memory }),
        ...(part.pids !== undefined && { processes }),
      };
    },
    claims,
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
      const claimed = new Map(
        await each([...options.pods()], async (pod) => [podUid(pod), await claims(pod)] as const),
      );
      return buildSummary({
        node: options.node,
        reading: taken,
        disk: (uid) => byUid.get(uid),
        claims: (uid) => claimed.get(uid) ?? [],
      });
    },
  };
}
