/** What the kubelet counts of its work, under upstream's names. */
import { Counter, Gauge, Histogram } from "prom-client";
import type { ContainerKind } from "./status/container-status.ts";

/** From the moment this node took a pod until it runs. Seconds. */
export const podStartDuration = new Histogram({
  name: "kubelet_pod_start_duration_seconds",
  help: "Time from the kubelet seeing a pod for the first time to the pod running.",
  buckets: [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200],
});

export const startedPods = new Counter({
  name: "kubelet_started_pods_total",
  help: "Sandboxes started.",
});

export const startedPodsErrors = new Counter({
  name: "kubelet_started_pods_errors_total",
  help: "Sandboxes that could not be started.",
});

/** `container_type` is `container`, `init_container` or `ephemeral_container`. */
export const startedContainers = new Counter({
  name: "kubelet_started_containers_total",
  help: "Containers started.",
  labelNames: ["container_type"],
});

/** `code` is the reason that the container waits with. */
export const startedContainersErrors = new Counter({
  name: "kubelet_started_containers_errors_total",
  help: "Containers that could not be started.",
  labelNames: ["container_type", "code"],
});

const typeNames: Readonly<Record<ContainerKind, string>> = {
  main: "container",
  init: "init_container",
  sidecar: "init_container",
  ephemeral: "ephemeral_container",
};

/** The `container_type` of a container of the pod's spec. */
export const containerType = (kind: ContainerKind): string => typeNames[kind];

/** `eviction_signal` is what the node was short of, or the limit of local storage that the pod overran. */
export const evictions = new Counter({
  name: "kubelet_evictions",
  help: "Pods evicted, by what they were evicted for.",
  labelNames: ["eviction_signal"],
});

const pullBuckets = [1, 5, 10, 20, 30, 60, 180, 300, 600, 900, 1800, 2700, 3600];
const pullDuration = new Histogram({
  name: "kubelet_image_pull_duration_seconds",
  help: "Time to pull an image, waiting for others excluded.",
  labelNames: ["image_size_in_bytes"],
  buckets: pullBuckets,
});

const MIB = 1024 ** 2;
/** Upper bounds of the sizes told apart, in MiB, and their names. */
const sizes: readonly (readonly [number, string])[] = [
  [10, "0-10MB"],
  [100, "10MB-100MB"],
  [500, "100MB-500MB"],
  [1024, "500MB-1GB"],
  [5 * 1024, "1GB-5GB"],
  [10 * 1024, "5GB-10GB"],
  [20 * 1024, "10GB-20GB"],
  [30 * 1024, "20GB-30GB"],
  [40 * 1024, "30GB-40GB"],
  [60 * 1024, "40GB-60GB"],
  [100 * 1024, "60GB-100GB"],
];

/** @param bytes of the image @param ms that its pull took */
export function imagePulled(bytes: number, ms: number): void {
  const size = sizes.find(([limit]) => bytes <= limit * MIB)?.[1] ?? "GT100GB";
  pullDuration.observe({ image_size_in_bytes: size }, ms / 1000);
}

export const nodeName = new Gauge({
  name: "kubelet_node_name",
  help: "The node's name.",
  labelNames: ["node"],
});

/** `operation_type` is upstream's name of the call to the container runtime. */
export const runtimeOperations = new Counter({
  name: "kubelet_runtime_operations_total",
  help: "Calls to the container engine.",
  labelNames: ["operation_type"],
});

export const runtimeErrors = new Counter({
  name: "kubelet_runtime_operations_errors_total",
  help: "Calls to the container engine that failed.",
  labelNames: ["operation_type"],
});

export const runtimeDuration = new Histogram({
  name: "kubelet_runtime_operations_duration_seconds",
  help: "Duration of calls to the container engine.",
  labelNames: ["operation_type"],
  buckets: Array.from({ length: 14 }, (_, i) => 0.005 * 2.5 ** i),
});
