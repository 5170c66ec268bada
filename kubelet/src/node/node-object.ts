/** The Node object of this kubelet. Pure: facts in, object out. */
import type {
  ContainerImage,
  Node,
  NodeCondition,
  NodeStatus,
} from "@coracle/shared/api/generated/core-v1.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import { amountOf, type Threshold } from "../eviction/signals.ts";
import type { ImageInfo } from "../runtime/runtime.ts";
import { goArch, type MachineFacts } from "./facts.ts";

/** Upstream's nodeStatusMaxImages. */
const MAX_IMAGES = 50;

/** Where the kubelet itself is asked. */
export const KUBELET_PORT = 10250;

/** What pods cannot have: below it the node evicts them. */
export interface Reserved {
  readonly memoryBytes: number;
  readonly storageBytes: number;
}

/** By the hard thresholds, as upstream's node allocatable. */
export function reservedBy(
  thresholds: readonly Threshold[],
  machine: Pick<MachineFacts, "memoryBytes" | "storageBytes">,
): Reserved {
  const hard = (signal: Threshold["signal"], capacity: number): number => {
    const found = thresholds.find((t) => t.signal === signal && t.graceMs === undefined);
    return found ? amountOf(found.value, capacity) : 0;
  };
  return {
    memoryBytes: hard("memory.available", machine.memoryBytes),
    storageBytes: hard("nodefs.available", machine.storageBytes),
  };
}

export const nodeLabelsFor = (name: string): Record<string, string> => ({
  "beta.kubernetes.io/arch": goArch(),
  "beta.kubernetes.io/os": "linux",
  "kubernetes.io/arch": goArch(),
  "kubernetes.io/hostname": name,
  "kubernetes.io/os": "linux",
});

export function resourcesOf(
  machine: MachineFacts,
  maxPods: number,
  reserved: Reserved,
): { capacity: Record<string, string>; allocatable: Record<string, string> } {
  const kibibytes = (bytes: number): string => `${Math.floor(bytes / 1024)}Ki`;
  const fixed = {
    cpu: String(machine.cpus),
    pods: String(maxPods),
    "hugepages-1Gi": "0",
    "hugepages-2Mi": "0",
  };
  return {
    capacity: {
      ...fixed,
      memory: kibibytes(machine.memoryBytes),
      "ephemeral-storage": kibibytes(machine.storageBytes),
    },
    allocatable: {
      ...fixed,
      memory: kibibytes(Math.max(0, machine.memoryBytes - reserved.memoryBytes)),
      "ephemeral-storage": String(Math.max(0, machine.storageBytes - reserved.storageBytes)),
    },
  };
}

const imagesOf = (images: readonly ImageInfo[]): ContainerImage[] =>
  images
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
    .map((image) => ({ names: [...image.digests, ...image.tags].slice(0, 5), sizeBytes: image.sizeBytes }))
    .filter((image) => image.names.length > 0)
    .slice(0, MAX_IMAGES);

export interface StatusInput {
  readonly name: string;
  readonly address: string;
  readonly machine: MachineFacts;
  readonly maxPods: number;
  readonly reserved: Reserved;
  readonly images: readonly ImageInfo[];
  readonly handlers: readonly string[];
  /** Undefined when pods can be run; else why not. */
  readonly notReady: string | undefined;
  readonly pressures: readonly NodeCondition[];
  readonly before: readonly NodeCondition[];
  readonly now: number;
}

/** A condition that keeps its time of change while it stays the same. */
export function condition(
  input: Pick<StatusInput, "before" | "now">,
  type: string,
  status: string,
  reason: string,
  message: string,
): NodeCondition {
  const old = input.before.find((c) => c.type === type);
  const time = formatTime(input.now);
  return {
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: time,
    lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? time) : time,
  };
}

export function nodeStatus(input: StatusInput): NodeStatus {
  const ready =
    input.notReady === undefined
      ? condition(input, "Ready", "True", "KubeletReady", "kubelet is posting ready status")
      : condition(input, "Ready", "False", "KubeletNotReady", input.notReady);
  return {
    ...resourcesOf(input.machine, input.maxPods, input.reserved),
    addresses: [
      { type: "InternalIP", address: input.address },
      { type: "Hostname", address: input.name },
    ],
    conditions: [...input.pressures, ready],
    daemonEndpoints: { kubeletEndpoint: { Port: KUBELET_PORT } },
    images: imagesOf(input.images),
    nodeInfo: input.machine.nodeInfo,
    features: { supplementalGroupsPolicy: true },
    declaredFeatures: [...DECLARED_FEATURES],
    runtimeHandlers: ["", ...input.handlers].map((name) => ({
      name,
      features: { recursiveReadOnlyMounts: false, userNamespaces: false },
    })),
  };
}

/** Of the features that upstream's scheduler may ask nodes for while they are young (KEP-5328), those this kubelet has; by name. */
const DECLARED_FEATURES: readonly string[] = [
  "GuaranteedQoSPodCPUResize",
  "InPlacePodLevelResourcesVerticalScaling",
  "RestartAllContainersOnContainerExits",
];

export const newNode = (name: string, status: NodeStatus, podCidr: string | undefined): Node => ({
  metadata: {
    name,
    labels: nodeLabelsFor(name),
    annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
  },
  spec: podCidr ? { podCIDR: podCidr, podCIDRs: [podCidr] } : {},
  status,
});
