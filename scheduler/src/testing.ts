import type { Container, Node, Pod, PodSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { nothing } from "@coracle/shared/meta/labels.ts";
import { createCluster, type Cluster } from "./cluster.ts";
import type { Plugin } from "./framework.ts";
import { defaultProfile } from "./plugins/index.ts";
import type { DeviceAccess } from "./plugins/dynamic-resources.ts";
import type { VolumeAccess } from "./plugins/volumes.ts";

/** Builders for the tests of this package. */
export const makeNode = (
  name: string,
  allocatable: Record<string, string> = {},
  extra: Partial<Node> = {},
): Node => ({
  metadata: { name, labels: { "kubernetes.io/hostname": name, ...extra.metadata?.labels } },
  spec: extra.spec ?? {},
  status: { allocatable: { cpu: "2", memory: "4Gi", pods: "10", ...allocatable } },
});

export interface PodOptions {
  readonly cpu?: string;
  readonly memory?: string;
  readonly labels?: Record<string, string>;
  readonly namespace?: string;
  readonly spec?: Partial<PodSpec>;
}

export function makePod(name: string, options: PodOptions = {}): Pod {
  const requests = {
    ...(options.cpu ? { cpu: options.cpu } : {}),
    ...(options.memory ? { memory: options.memory } : {}),
  };
  const container: Container = { name: "main", image: "app:1", resources: { requests } };
  return {
    metadata: {
      name,
      namespace: options.namespace ?? "default",
      uid: `uid-${name}`,
      ...(options.labels ? { labels: options.labels } : {}),
    },
    spec: { containers: [container], ...options.spec },
  };
}

export const noVolumes: VolumeAccess = {
  claim: () => undefined,
  volume: () => undefined,
  volumesOfClass: () => [],
  storageClass: () => undefined,
  bindVolume: () => Promise.resolve(),
  selectNode: () => Promise.resolve(),
  waitUntilBound: () => Promise.resolve(),
};

export const noDevices: DeviceAccess = {
  claim: () => undefined,
  claims: () => [],
  slices: () => [],
  deviceClass: () => undefined,
  bindClaim: (claim) => Promise.resolve(claim),
  waitUntilReady: () => Promise.resolve(),
  deallocate: () => Promise.resolve(),
  releaseClaim: () => undefined,
};

export const testProfile = (
  volumes: VolumeAccess = noVolumes,
  devices: DeviceAccess = noDevices,
): readonly Plugin[] =>
  defaultProfile({
    namespaceLabels: (namespace) => ({ "kubernetes.io/metadata.name": namespace }),
    defaultSelector: () => nothing,
    volumes,
    devices,
  });

export function clusterOf(...nodes: Node[]): Cluster {
  const cluster = createCluster();
  for (const node of nodes) cluster.setNode(node);
  return cluster;
}
