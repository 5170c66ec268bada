import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import type { ResourceAmounts } from "@coracle/shared/meta/pods.ts";
import type { HostPort } from "@coracle/shared/scheduling/host-ports.ts";
import type { PodInfo } from "./pod-info.ts";

/** A node and what is placed on it, assumed pods included. Kept up to date pod by pod, never rebuilt for a cycle. */
export interface NodeInfo {
  readonly name: string;
  /** Undefined while pods are known for a node that is not. */
  node: Node | undefined;
  allocatable: ResourceAmounts;
  readonly pods: Map<string, PodInfo>;
  /** Sums of the pods' requests. */
  readonly requested: ResourceAmounts;
  scoreCpu: number;
  scoreMemory: number;
  /** `protocol port` → address → how many pods hold it. */
  readonly ports: Map<string, Map<string, number>>;
  /** Bytes of each image on the node, by every name it has. */
  images: ReadonlyMap<string, number>;
}

export const createNodeInfo = (name: string): NodeInfo => ({
  name,
  node: undefined,
  allocatable: {},
  pods: new Map(),
  requested: {},
  scoreCpu: 0,
  scoreMemory: 0,
  ports: new Map(),
  images: new Map(),
});

export function setNode(info: NodeInfo, node: Node): void {
  info.node = node;
  const allocatable: ResourceAmounts = {};
  for (const [name, amount] of Object.entries(node.status?.allocatable ?? {}))
    allocatable[name] = resourceAmount(name, amount);
  info.allocatable = allocatable;
  const images = new Map<string, number>();
  for (const image of node.status?.images ?? [])
    for (const name of image.names ?? []) images.set(name, image.sizeBytes ?? 0);
  info.images = images;
}

function countPorts(info: NodeInfo, pod: PodInfo, by: 1 | -1): void {
  for (const { ip, protocol, port } of pod.hostPorts) {
    const key = `${protocol} ${port}`;
    const holders = info.ports.get(key) ?? new Map<string, number>();
    info.ports.set(key, holders);
    const count = (holders.get(ip) ?? 0) + by;
    if (count > 0) holders.set(ip, count);
    else holders.delete(ip);
    if (holders.size === 0) info.ports.delete(key);
  }
}

function count(info: NodeInfo, pod: PodInfo, by: 1 | -1): void {
  for (const name in pod.requests)
    info.requested[name] = (info.requested[name] ?? 0) + by * (pod.requests[name] ?? 0);
  info.scoreCpu += by * pod.scoreCpu;
  info.scoreMemory += by * pod.scoreMemory;
  if (pod.hostPorts.length > 0) countPorts(info, pod, by);
}

export function addPod(info: NodeInfo, pod: PodInfo): void {
  if (info.pods.has(pod.uid)) removePod(info, pod.uid);
  info.pods.set(pod.uid, pod);
  count(info, pod, 1);
}

export function removePod(info: NodeInfo, uid: string): void {
  const pod = info.pods.get(uid);
  if (!pod) return;
  info.pods.delete(uid);
  count(info, pod, -1);
}

/** An address conflicts with itself and with the wildcard, as sockets do. */
export const portIsFree = (info: NodeInfo, wanted: HostPort): boolean => {
  const holders = info.ports.get(`${wanted.protocol} ${wanted.port}`);
  if (!holders) return true;
  return wanted.ip === "0.0.0.0" ? holders.size === 0 : !holders.has(wanted.ip) && !holders.has("0.0.0.0");
};
