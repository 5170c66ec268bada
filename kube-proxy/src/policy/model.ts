/** What the NetworkPolicies of a cluster mean for the pods of one node (networking.k8s.io/v1). Pure. */
import { isIPv4 } from "node:net";
import type { Container, Namespace, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from "@coracle/shared/api/generated/networking-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { everything, selectorFromObject, type Selector } from "@coracle/shared/meta/labels.ts";

export type Direction = "ingress" | "egress";

/** Pods that a rule names, as a set of addresses; with a port's name, of addresses with what that port is there. */
export interface PeerSet {
  /** Tells it from every other set: equal selectors share one. */
  readonly key: string;
  /** Undefined: the namespaces that `namespaces` selects. */
  readonly namespace: string | undefined;
  readonly namespaces: Selector;
  readonly pods: Selector;
  readonly port: { readonly protocol: string; readonly name: string } | undefined;
}

export interface AddressBlock {
  readonly cidr: string;
  readonly except: readonly string[];
}

/** Who may be talked with: pods, a block of addresses, or undefined for anybody. */
export type Peer =
  | { readonly pods: PeerSet; readonly block?: undefined }
  | { readonly block: AddressBlock; readonly pods?: undefined };

/** Ports of one protocol; without `from` all of them. */
export interface PortRange {
  readonly protocol: string;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** Allowed is what has one of the peers and one of the ports; undefined allows any. */
export interface Allowance {
  readonly peers: readonly Peer[] | undefined;
  readonly ports: readonly PortRange[] | undefined;
  /** Ports that each peer numbers itself: they are in these sets, with the peers. */
  readonly named: readonly NamedPort[];
}

export interface NamedPort {
  readonly protocol: string;
  readonly set: PeerSet;
  /** Only of the pods with these addresses. */
  readonly block: AddressBlock | undefined;
}

/** A pod that lets nothing through in a direction but what is allowed. */
export interface Isolation {
  readonly pod: string;
  readonly address: string;
  readonly direction: Direction;
  readonly allowances: readonly Allowance[];
}

export const keyOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

/** As much of a pod as is read here: a process on every node need not hold the rest of all. */
export function leanPod({ apiVersion, kind, metadata, spec, status }: KubeObject & Pod): KubeObject & Pod {
  const { name, namespace, uid, resourceVersion, labels } = metadata;
  const portsOf = ({ name: container, ports, restartPolicy }: Container): Container => ({
    name: container,
    ...(ports ? { ports } : {}),
    ...(restartPolicy ? { restartPolicy } : {}),
  });
  return {
    ...(apiVersion ? { apiVersion } : {}),
    ...(kind ? { kind } : {}),
    metadata: { name, namespace, uid, resourceVersion, ...(labels ? { labels } : {}) },
    spec: {
      nodeName: spec?.nodeName,
      hostNetwork: spec?.hostNetwork,
      containers: (spec?.containers ?? []).map(portsOf),
      initContainers: (spec?.initContainers ?? []).map(portsOf),
    },
    status: { phase: status?.phase, podIP: status?.podIP },
  };
}

/** The IPv4 address by which others know a pod; undefined when it has none of its own, or has come to its end. */
export function addressOf({ spec, status }: Pod): string | undefined {
  if (spec?.hostNetwork || status?.phase === "Succeeded" || status?.phase === "Failed") return undefined;
  return status?.podIP && isIPv4(status.podIP) ? status.podIP : undefined;
}

/** The members a pod adds to a set: none, its address, or its address with each port of that name. */
export function membersOf(set: PeerSet, pod: Pod, namespace: Namespace | undefined): string[] {
  const address = addressOf(pod);
  const itsNamespace = pod.metadata.namespace ?? "";
  if (!address || !set.pods.matches(pod.metadata.labels)) return [];
  const isThere =
    set.namespace === undefined
      ? namespace !== undefined && set.namespaces.matches(namespace.metadata.labels)
      : set.namespace === itsNamespace;
  if (!isThere) return [];
  if (!set.port) return [address];
  return portsNamed(pod, set.port).map((port) => `${address} . ${port}`);
}

const portsNamed = ({ spec }: Pod, { protocol, name }: NonNullable<PeerSet["port"]>): number[] => [
  ...new Set(
    [...(spec?.containers ?? []), ...(spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always")]
      .flatMap((c) => c.ports ?? [])
      .filter((p) => p.name === name && (p.protocol ?? "TCP") === protocol)
      .map((p) => p.containerPort),
  ),
];

const directions: readonly Direction[] = ["ingress", "egress"];
const typeOf = { ingress: "Ingress", egress: "Egress" } as const;

function isolates({ spec }: NetworkPolicy, direction: Direction): boolean {
  const types = spec?.policyTypes;
  if (types && types.length > 0) return types.includes(typeOf[direction]);
  // What defaulting makes of a policy that does not say.
  return direction === "ingress" || (spec?.egress?.length ?? 0) > 0;
}

/** What a pod's namespace's policies make of it, in either direction. */
export function isolationsOf(pod: Pod, policies: Iterable<NetworkPolicy>): Isolation[] {
  const address = addressOf(pod);
  if (!address) return [];
  const selecting = [...policies].filter(
    (p) =>
      p.metadata.namespace === pod.metadata.namespace &&
      // Absent, as empty, selects every pod of the namespace.
      selectorFromObject(p.spec?.podSelector ?? {}).matches(pod.metadata.labels),
  );
  return directions.flatMap((direction) => {
    const own = selecting.filter((policy) => isolates(policy, direction));
    if (own.length === 0) return [];
    const allowances = own.flatMap((policy) => allowancesOf(policy, direction, pod));
    return [{ pod: keyOf(pod), address, direction, allowances }];
  });
}

function allowancesOf({ metadata, spec }: NetworkPolicy, direction: Direction, target: Pod): Allowance[] {
  const namespace = metadata.namespace ?? "";
  const rules =
    direction === "ingress"
      ? (spec?.ingress ?? []).map((rule) => ({ peers: rule.from ?? [], ports: rule.ports ?? [] }))
      : (spec?.egress ?? []).map((rule) => ({ peers: rule.to ?? [], ports: rule.ports ?? [] }));
  return rules.map(({ peers: all, ports }) => {
    const peers = all.length === 0 ? undefined : all.filter(isReachable);
    return {
      peers: peers?.map((peer) => peerOf(peer, namespace)),
      ...portsOf(ports, { direction, peers, namespace, target }),
    };
  });
}

interface PortContext {
  readonly direction: Direction;
  /** Undefined: anybody. */
  readonly peers: readonly NetworkPolicyPeer[] | undefined;
  readonly namespace: string;
  readonly target: Pod;
}

function portsOf(
  ports: readonly NetworkPolicyPort[],
  { direction, peers, namespace, target }: PortContext,
): Pick<Allowance, "ports" | "named"> {
  if (ports.length === 0) return { ports: undefined, named: [] };
  const ranges: PortRange[] = [];
  const named: NamedPort[] = [];
  for (const { protocol = "TCP", port, endPort } of ports) {
    if (port === undefined) ranges.push({ protocol });
    else if (typeof port === "number") ranges.push({ protocol, from: port, to: endPort ?? port });
    else if (direction === "ingress")
      ranges.push(...portsNamed(target, { protocol, name: port }).map((n) => ({ protocol, from: n, to: n })));
    else
      for (const peer of peers ?? [{}])
        named.push({
          protocol,
          set: podsOf(peer, namespace, { protocol, name: port }),
          block: blockOf(peer),
        });
  }
  return { ports: ranges, named };
}

function peerOf(peer: NetworkPolicyPeer, namespace: string): Peer {
  const block = blockOf(peer);
  return block ? { block } : { pods: podsOf(peer, namespace, undefined) };
}

/** Pods have addresses of IPv4 only: nobody they talk with is in a block of IPv6, and the packet filter knows none here. */
const isReachable = ({ ipBlock }: NetworkPolicyPeer): boolean =>
  !ipBlock || isIPv4(ipBlock.cidr.split("/", 1)[0] ?? "");

const blockOf = ({ ipBlock }: NetworkPolicyPeer): AddressBlock | undefined =>
  ipBlock && { cidr: ipBlock.cidr, except: ipBlock.except ?? [] };

/** A peer without any selector (a block of addresses, or no peer at all) stands for the pods of all namespaces here. */
function podsOf(peer: NetworkPolicyPeer, namespace: string, port: PeerSet["port"]): PeerSet {
  const { namespaceSelector, podSelector } = peer;
  const isLocal = podSelector !== undefined && namespaceSelector === undefined;
  const pods = podSelector ? selectorFromObject(podSelector) : everything;
  const namespaces = namespaceSelector ? selectorFromObject(namespaceSelector) : everything;
  const own = isLocal ? namespace : undefined;
  const key = JSON.stringify([own, namespaces.toString(), pods.toString(), port?.protocol, port?.name]);
  return { key, namespace: own, namespaces, pods, port };
}
