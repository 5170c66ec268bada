/** The names of what the engine holds for a pod, and the labels by which it is found again. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Labels } from "../runtime/runtime.ts";

export const LABEL = {
  cluster: "io.coracle.cluster",
  node: "io.coracle.node",
  type: "io.coracle.type",
  /** How often this container of the pod, or its sandbox, was made before. */
  attempt: "io.coracle.attempt",
  ip: "io.coracle.pod-ip",
  /** The sandbox a container was made in. */
  sandbox: "io.coracle.sandbox",
  /** A digest of the part of the spec that a running container cannot follow. */
  hash: "io.coracle.hash",
  /** The resources a container was made with. */
  resources: "io.coracle.resources",
  /** The engine's handler that a sandbox runs by. */
  handler: "io.coracle.handler",
  /** The control group around a pod's containers, where it has one. */
  cgroup: "io.coracle.cgroup",
  grace: "io.coracle.grace-seconds",
  /** The static pod's manifest, so that it can be told from the API's pods. */
  source: "io.coracle.source",
  podName: "io.kubernetes.pod.name",
  podNamespace: "io.kubernetes.pod.namespace",
  podUid: "io.kubernetes.pod.uid",
  container: "io.kubernetes.container.name",
} as const;

export type ContainerType = "sandbox" | "container";

export const podUid = (pod: Pod): string => pod.metadata.uid ?? "";
export const podKey = (pod: Pod): string => `${pod.metadata.namespace ?? ""}/${pod.metadata.name ?? ""}`;
/** As upstream prints a pod in messages: `name_namespace(uid)`. */
export const podFullName = (pod: Pod): string =>
  `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;

export const containerName = (pod: Pod, container: string, attempt: number): string =>
  `k8s_${container}_${pod.metadata.name}_${pod.metadata.namespace}_${podUid(pod)}_${attempt}`;
export const sandboxName = (pod: Pod, attempt: number): string => containerName(pod, "POD", attempt);
export const volumeName = (pod: Pod, volume: string): string => `k8s_${podUid(pod)}_${volume}`;

/** The container through which an image's files are read; it never runs. */
export const imageVolumeName = (pod: Pod, volume: string): string => `${volumeName(pod, volume)}_image`;

/** Where the sandbox mounts a volume of the pod. */
export const sandboxVolumePath = (volume: string): string => `/volumes/${volume}`;

export interface NodeIdentity {
  readonly cluster: string;
  readonly node: string;
}

export const nodeLabels = (identity: NodeIdentity): Labels => ({
  [LABEL.cluster]: identity.cluster,
  [LABEL.node]: identity.node,
});

export const podLabels = (identity: NodeIdentity, pod: Pod): Labels => ({
  ...nodeLabels(identity),
  [LABEL.podName]: pod.metadata.name ?? "",
  [LABEL.podNamespace]: pod.metadata.namespace ?? "",
  [LABEL.podUid]: podUid(pod),
  [LABEL.grace]: String(pod.spec?.terminationGracePeriodSeconds ?? 30),
});
