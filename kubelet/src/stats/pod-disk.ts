/** Where a pod's local storage lies, and how much there is of it. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { join } from "node:path";
import { LABEL, podUid, sandboxVolumePath } from "../container/names.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import type { DiskMeter, DiskUsage } from "./disk-meter.ts";
import type { HostReader } from "./host.ts";
import type { PodDisk, VolumeUsage } from "./summary.ts";

export interface PodDiskSources {
  readonly host: Pick<HostReader, "enginePath" | "writableLayer">;
  readonly meter: DiskMeter;
  readonly ofPod: (uid: string) => Iterable<RuntimeContainer>;
  /** The engine's own directory, by the machine's paths. */
  readonly engineDirectory: string;
}

interface Place {
  readonly kind: "rootfs" | "logs" | "volume";
  /** Of the container, or of the volume. */
  readonly name: string;
  readonly path: string;
  readonly memory: boolean;
}

/** The places of a pod that runs. */
async function placesOf(sources: PodDiskSources, pod: Pod): Promise<Place[]> {
  const containers = [...sources.ofPod(podUid(pod))].filter((c) => c.state === "running");
  const sandbox = containers.find((c) => c.labels[LABEL.type] === "sandbox");
  const places: Place[] = [];
  for (const container of containers) {
    const name = container.labels[LABEL.container];
    if (container === sandbox || !name) continue;
    const directory = join(sources.engineDirectory, "containers", container.id);
    const logs = await sources.host.enginePath(directory);
    if (logs) places.push({ kind: "logs", name, path: logs, memory: false });
    const path = await sources.host.writableLayer(container.pid);
    if (path) places.push({ kind: "rootfs", name, path, memory: false });
  }
  if (!sandbox) return places;
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    if (!emptyDir) continue;
    // The sandbox holds its volumes: its root leads to them, on whatever file system they are.
    const path = `/proc/${sandbox.pid}/root${sandboxVolumePath(name)}`;
    places.push({ kind: "volume", name, path, memory: Boolean(emptyDir.medium) });
  }
  return places;
}

const collect = (found: readonly (readonly [Place, DiskUsage | undefined])[]): PodDisk => {
  const rootfs = new Map<string, DiskUsage>();
  const logs = new Map<string, DiskUsage>();
  const volumes: VolumeUsage[] = [];
  for (const [{ kind, name, memory }, usage] of found) {
    if (!usage) continue;
    if (kind === "volume") volumes.push({ name, usage, memory });
    else (kind === "logs" ? logs : rootfs).set(name, usage);
  }
  return { rootfs, logs, volumes };
};

/** What has been measured already; measures in the background what is older. */
export async function knownPodDisk(sources: PodDiskSources, pod: Pod, maxAgeMs: number): Promise<PodDisk> {
  const places = await placesOf(sources, pod);
  return collect(places.map((place) => [place, sources.meter.known(place.path, maxAgeMs)] as const));
}

/** Measured now, or at most so long ago. */
export async function measurePodDisk(sources: PodDiskSources, pod: Pod, maxAgeMs: number): Promise<PodDisk> {
  const found: [Place, DiskUsage | undefined][] = [];
  for (const place of await placesOf(sources, pod))
    found.push([place, await sources.meter.measure(place.path, maxAgeMs)]);
  return collect(found);
}
