/** What pods use of what is short. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { podUid } from "../container/names.ts";
import type { PodReading } from "../stats/reading.ts";
import type { PodDisk } from "../stats/summary.ts";

export interface ContainerUse {
  readonly name: string;
  readonly memoryBytes: number;
  /** Written to its root file system and its log; undefined when not measured. */
  readonly diskBytes: number | undefined;
}

export interface PodUse {
  readonly pod: Pod;
  /** False: nothing is known of it. */
  readonly known: boolean;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly inodes: number;
  readonly processes: number;
  readonly containers: readonly ContainerUse[];
}

/** One pod's use from its counters and its local storage. */
export function podUse(pod: Pod, reading: PodReading | undefined, disk: PodDisk | undefined): PodUse {
  const running = reading?.containers ?? [];
  const parts = disk
    ? [
        ...disk.rootfs.values(),
        ...disk.logs.values(),
        ...disk.volumes.filter((v) => !v.memory).map((v) => v.usage),
      ]
    : [];
  const total = <T>(items: readonly T[], value: (item: T) => number): number =>
    items.reduce((sum, item) => sum + value(item), 0);
  return {
    pod,
    known: reading !== undefined,
    memoryBytes: total(running, (c) => c.stats.workingSetBytes),
    diskBytes: total(parts, (p) => p.bytes),
    inodes: total(parts, (p) => p.inodes),
    processes: total(running, (c) => c.stats.pids),
    containers: running
      .filter((c) => !c.sandbox)
      .map((c) => {
        const [root, log] = [disk?.rootfs.get(c.name), disk?.logs.get(c.name)];
        return {
          name: c.name,
          memoryBytes: c.stats.workingSetBytes,
          diskBytes: root || log ? (root?.bytes ?? 0) + (log?.bytes ?? 0) : undefined,
        };
      }),
  };
}

export const useByUid = (
  pods: readonly Pod[],
  readings: readonly PodReading[],
  disks: ReadonlyMap<string, PodDisk>,
): PodUse[] => {
  const byUid = new Map(readings.map((reading) => [reading.uid, reading]));
  return pods.map((pod) => podUse(pod, byUid.get(podUid(pod)), disks.get(podUid(pod))));
};
