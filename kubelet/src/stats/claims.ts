/** How full the volumes are that pods have claimed. */
import { join } from "node:path";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { Gauge, register } from "prom-client";
import { LABEL, podUid } from "../container/names.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { walk } from "../volumes/walk.ts";
import type { Filesystem, HostReader } from "./host.ts";

export interface ClaimVolume {
  /** Of the volume in the pod's spec. */
  readonly name: string;
  readonly claim: { readonly name: string; readonly namespace: string };
  /** Of the whole file system that the volume lies on. */
  readonly fs: Filesystem;
}

export interface ClaimSources {
  readonly host: Pick<HostReader, "filesystem">;
  readonly ofPod: (uid: string) => Iterable<RuntimeContainer>;
}

/** The claims of a pod whose volumes a running container has, by the way that the container reaches them. */
export async function claimVolumes({ host, ofPod }: ClaimSources, pod: Pod): Promise<ClaimVolume[]> {
  const { name: podName = "", namespace = "" } = pod.metadata;
  const found: ClaimVolume[] = [];
  for (const { name, persistentVolumeClaim, ephemeral } of pod.spec?.volumes ?? []) {
    const claim = persistentVolumeClaim?.claimName ?? (ephemeral ? `${podName}-${name}` : undefined);
    if (claim === undefined) continue;
    // A volume whose server is away has no figures; the others have theirs.
    const fs = await filesystemOf({ host, ofPod }, pod, name).catch(() => undefined);
    if (fs) found.push({ name, claim: { name: claim, namespace }, fs });
  }
  return found;
}

async function filesystemOf(
  { host, ofPod }: ClaimSources,
  pod: Pod,
  volume: string,
): Promise<Filesystem | undefined> {
  const path = await pathOf(pod, volume, ofPod);
  return path === undefined ? undefined : await host.filesystem(path);
}

async function pathOf(pod: Pod, volume: string, ofPod: ClaimSources["ofPod"]): Promise<string | undefined> {
  const running = new Map(
    [...ofPod(podUid(pod))]
      .filter((c) => c.state === "running")
      .map((c) => [c.labels[LABEL.container], c.pid] as const),
  );
  for (const container of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
    const pid = running.get(container.name);
    const mount = container.volumeMounts?.find((m) => m.name === volume && !m.subPath && !m.subPathExpr);
    if (pid && mount) return inContainer(`/proc/${pid}/root`, mount.mountPath);
  }
  return undefined;
}

/** Links of the container's, /var/run for one, lead to where they lead in the container: the kernel would take them from here. */
const inContainer = async (root: string, path: string): Promise<string> =>
  join(
    root,
    await walk(root, path, {
      chroot: true,
      missing: () => Promise.resolve(),
      outside: () => new Error(`too many links in ${path}`),
    }),
  );

const figures = {
  available_bytes: (fs: Filesystem) => fs.availableBytes,
  capacity_bytes: (fs: Filesystem) => fs.capacityBytes,
  used_bytes: (fs: Filesystem) => fs.usedBytes,
  inodes: (fs: Filesystem) => fs.inodes,
  inodes_free: (fs: Filesystem) => fs.inodesFree,
  inodes_used: (fs: Filesystem) => fs.inodes - fs.inodesFree,
};

/** `kubelet_volume_stats_…`, read when scraped: what alerts on claims that fill up look at. */
export function addVolumeMetrics(volumes: () => Promise<readonly ClaimVolume[]>): void {
  let asked: Promise<readonly ClaimVolume[]> | undefined;
  // A scrape asks all of the figures at once: the file systems are looked at once for it.
  const shared = (): Promise<readonly ClaimVolume[]> =>
    (asked ??= volumes().finally(() => {
      asked = undefined;
    }));
  for (const [figure, read] of Object.entries(figures)) {
    const name = `kubelet_volume_stats_${figure}`;
    if (register.getSingleMetric(name)) continue;
    new Gauge({
      name,
      help: "Of the file system that a claim's volume lies on.",
      labelNames: ["namespace", "persistentvolumeclaim"],
      async collect() {
        this.reset();
        for (const { claim, fs } of await shared())
          this.set({ namespace: claim.namespace, persistentvolumeclaim: claim.name }, read(fs));
      },
    });
  }
}
