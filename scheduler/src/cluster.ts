import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isTerminal } from "@coracle/shared/meta/pods.ts";
import { addPod, createNodeInfo, removePod, setNode, type NodeInfo } from "./node-info.ts";
import { podInfo, type PodInfo } from "./pod-info.ts";

/**
 * The scheduler's view of the cluster: informer state plus assumed pods. A cycle is synchronous, so it reads this live; there is
 * nothing to copy and nothing that could change under it.
 */
export interface Cluster {
  /** Nodes that exist, in a stable order. */
  readonly nodes: readonly NodeInfo[];
  node(name: string): NodeInfo | undefined;
  /** Nodes with at least one pod that has required anti-affinity, for the symmetry check. */
  readonly nodesWithAntiAffinity: ReadonlySet<NodeInfo>;
  /** Nodes with at least one pod that has any pod affinity. */
  readonly nodesWithAffinity: ReadonlySet<NodeInfo>;
  setNode(node: Node): void;
  removeNode(name: string): void;
  /** Takes a pod's newest state from the informer: placed, moved on or gone. */
  setPod(pod: Pod): void;
  removePod(uid: string): void;
  /** Counts a pod on a node before the API knows of it. The informer's state replaces it; {@link forget} undoes it. */
  assume(info: PodInfo, nodeName: string): void;
  forget(uid: string): void;
  isAssumed(uid: string): boolean;
  /** Pods that preempted others and wait for a node: uid → info and node. They count against pods of lower priority. */
  readonly nominated: ReadonlyMap<string, { readonly info: PodInfo; readonly nodeName: string }>;
  nominate(info: PodInfo, nodeName: string): void;
  clearNomination(uid: string): void;
}

const hasAnti = (p: PodInfo): boolean => p.requiredAntiAffinity.length > 0;
const hasAny = (p: PodInfo): boolean =>
  hasAnti(p) || p.requiredAffinity.length + p.preferredAffinity.length + p.preferredAntiAffinity.length > 0;

/** @param onRoom hears of a pod that no longer keeps free the node it was promised, and has not taken it: others may fit there */
export function createCluster(onRoom: (info: PodInfo) => void = () => undefined): Cluster {
  const byName = new Map<string, NodeInfo>();
  let ordered: NodeInfo[] | undefined;
  const placed = new Map<string, { info: PodInfo; nodeName: string; assumed: boolean }>();
  const nominated = new Map<string, { info: PodInfo; nodeName: string }>();
  const anti = new Set<NodeInfo>();
  const any = new Set<NodeInfo>();

  const entry = (name: string): NodeInfo => {
    const found = byName.get(name) ?? createNodeInfo(name);
    byName.set(name, found);
    return found;
  };
  /** Both sets are re-decided only when the pod could have changed them. */
  const reclassify = (node: NodeInfo, pod: PodInfo): void => {
    if (!hasAny(pod)) return;
    const pods = [...node.pods.values()];
    if (pods.some(hasAnti)) anti.add(node);
    else anti.delete(node);
    if (pods.some(hasAny)) any.add(node);
    else any.delete(node);
  };
  const take = (uid: string): void => {
    const old = placed.get(uid);
    if (!old) return;
    placed.delete(uid);
    const node = byName.get(old.nodeName);
    if (!node) return;
    removePod(node, uid);
    reclassify(node, old.info);
    if (!node.node && node.pods.size === 0) byName.delete(old.nodeName);
  };
  const put = (info: PodInfo, nodeName: string, assumed: boolean): void => {
    take(info.uid);
    placed.set(info.uid, { info, nodeName, assumed });
    const node = entry(nodeName);
    addPod(node, info);
    reclassify(node, info);
  };
  const endPromise = (uid: string, takenNode?: string): void => {
    const found = nominated.get(uid);
    if (!found) return;
    nominated.delete(uid);
    if (found.nodeName !== takenNode) onRoom(found.info);
  };

  return {
    get nodes() {
      ordered ??= [...byName.values()].filter((n) => n.node).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      return ordered;
    },
    node: (name) => {
      const found = byName.get(name);
      return found?.node ? found : undefined;
    },
    nodesWithAntiAffinity: anti,
    nodesWithAffinity: any,
    nominated,
    setNode(node) {
      const info = entry(node.metadata.name ?? "");
      if (!info.node) ordered = undefined;
      setNode(info, node);
    },
    removeNode(name) {
      const info = byName.get(name);
      if (!info) return;
      ordered = undefined;
      info.node = undefined;
      if (info.pods.size === 0) byName.delete(name);
    },
    setPod(pod) {
      const uid = pod.metadata.uid ?? "";
      const nodeName = pod.spec?.nodeName;
      if (isTerminal(pod)) take(uid);
      else if (nodeName) put(podInfo(pod), nodeName, false);
      if (nodeName || isTerminal(pod)) endPromise(uid, nodeName);
    },
    removePod(uid) {
      take(uid);
      endPromise(uid);
    },
    assume(info, nodeName) {
      put(info, nodeName, true);
      endPromise(info.uid, nodeName);
    },
    forget(uid) {
      if (placed.get(uid)?.assumed) take(uid);
    },
    isAssumed: (uid) => placed.get(uid)?.assumed === true,
    nominate(info, nodeName) {
      endPromise(info.uid, nodeName);
      nominated.set(info.uid, { info, nodeName });
    },
    clearNomination: (uid) => endPromise(uid),
  };
}
