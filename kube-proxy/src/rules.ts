import { createHash } from "node:crypto";
import type { Service, ServicePort } from "@coracle/shared/api/generated/core-v1.ts";
import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import { selectTargets, type NodeView, type Target } from "./endpoints.ts";

/** What one Service adds to the table. Chains and sets are named after it, so that two Services never share one. */
export interface Fragment {
  /** Chain name → its rules, in nft's syntax. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Set name → its definition; sets hold the clients of session affinity and keep their content over updates. */
  readonly sets: ReadonlyMap<string, string>;
  /** `address . protocol . port` → verdict. */
  readonly services: ReadonlyMap<string, string>;
  /** `address . protocol . port` → who may send there, a verdict on the packet as it arrives. */
  readonly firewalls: ReadonlyMap<string, string>;
  /** `protocol . port` → verdict. */
  readonly nodePorts: ReadonlyMap<string, string>;
  /** Where UDP to `address port` (`* port` for a node port) may go, as `endpoint port`: other tracked flows are stale. */
  readonly udpFlows: UdpFlows;
}

export type UdpFlows = ReadonlyMap<string, ReadonlySet<string>>;

export const emptyFragment: Fragment = {
  chains: new Map(),
  sets: new Map(),
  services: new Map(),
  firewalls: new Map(),
  nodePorts: new Map(),
  udpFlows: new Map(),
};

/** Chains of the base table that rules here go to. */
export const masqueradeMark = "0x4000";
export const rejectChain = "refuse";
export const dropChain = "discard";

export interface RuleOptions {
  readonly node: NodeView;
  readonly podCidr: string;
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** Labels by which a Service is left to somebody else: another proxy, or clients that look up its endpoints. */
const leaveAlone = ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"];

/** True when the proxy has nothing to do for a Service: headless ones, names for something outside, and those of others. */
export const isSkipped = ({ metadata, spec }: Service): boolean =>
  spec?.type === "ExternalName" ||
  spec?.clusterIP === "None" ||
  !spec?.clusterIP ||
  leaveAlone.some((label) => metadata.labels?.[label] !== undefined);

class Builder {
  readonly chains = new Map<string, string[]>();
  readonly sets = new Map<string, string>();
  readonly services = new Map<string, string>();
  readonly firewalls = new Map<string, string>();
  readonly nodePorts = new Map<string, string>();
  readonly udpFlows = new Map<string, Set<string>>();
}

/** The rules of one Service on one node. Pure. */
export function fragmentFor(
  service: Service,
  slices: readonly EndpointSlice[],
  options: RuleOptions,
): Fragment {
  if (isSkipped(service)) return emptyFragment;
  const builder = new Builder();
  for (const port of service.spec?.ports ?? []) addPort(builder, service, port, slices, options);
  return builder;
}

function addPort(
  builder: Builder,
  service: Service,
  port: ServicePort,
  slices: readonly EndpointSlice[],
  options: RuleOptions,
): void {
  const { spec } = service;
  if (!spec) return;
  const protocol = (port.protocol ?? "TCP").toLowerCase();
  const id = `${service.metadata.namespace}/${service.metadata.name}/${protocol}/${port.name || port.port}`;
  const context: PortContext = {
    builder,
    protocol,
    suffix: `${digest(id)}/${id}`,
    affinitySeconds: affinitySeconds(service),
  };
  const targets = selectTargets(port, slices, options.node);

  const internal = spec.internalTrafficPolicy === "Local" ? targets.local : targets.cluster;
  const clusterAddresses = (spec.clusterIPs ?? [spec.clusterIP ?? ""]).filter((a) => a.includes("."));
  // From outside of the pod network (the node itself, or a client routed in) the answer must come back through this node.
  const clusterChain =
    internal.length === 0 && targets.cluster.length > 0
      ? discarding(context, "svc")
      : balance(context, "svc", internal, [
          `ip saddr != ${options.podCidr} meta mark set meta mark | ${masqueradeMark}`,
        ]);
  for (const address of clusterAddresses) {
    builder.services.set(`${address} . ${protocol} . ${port.port}`, `goto ${clusterChain}`);
    trackUdp(builder, protocol, address, port.port, internal);
  }

  const balancers = loadBalancerAddresses(service);
  const externals = [...new Set([...externalAddresses(service), ...balancers])];
  if (externals.length === 0 && !port.nodePort) return;
  const externalChain = external(context, service, targets.cluster, targets.local, options);
  for (const address of externals) {
    builder.services.set(`${address} . ${protocol} . ${port.port}`, `goto ${externalChain}`);
    trackUdp(builder, protocol, address, port.port, targets.cluster);
  }
  const firewall = firewallFor(context, service, balancers);
  if (firewall)
    for (const address of balancers)
      builder.firewalls.set(`${address} . ${protocol} . ${port.port}`, `goto ${firewall}`);
  if (!port.nodePort) return;
  builder.nodePorts.set(`${protocol} . ${port.nodePort}`, `goto ${externalChain}`);
  trackUdp(builder, protocol, "*", port.nodePort, [...targets.cluster, ...targets.local]);
}

function affinitySeconds(service: Service): number {
  if (service.spec?.sessionAffinity !== "ClientIP") return 0;
  return service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800;
}

const isIPv4 = (address: string): boolean => !address.includes(":");

const externalAddresses = ({ spec }: Service): string[] => (spec?.externalIPs ?? []).filter(isIPv4);

/** Those of a load balancer that sends packets on with the address unchanged. */
function loadBalancerAddresses({ spec, status }: Service): string[] {
  if (spec?.type !== "LoadBalancer") return [];
  return (status?.loadBalancer?.ingress ?? [])
    .filter((i) => i.ipMode !== "Proxy")
    .flatMap((i) => (i.ip && isIPv4(i.ip) ? [i.ip] : []));
}

/**
 * The chain that lets through what comes from `loadBalancerSourceRanges`; undefined when everything may come. The node itself
 * speaks from the balancer's address when it has that.
 */
function firewallFor(
  { builder, suffix }: PortContext,
  { spec }: Service,
  balancers: readonly string[],
): string | undefined {
  const ranges = (spec?.loadBalancerSourceRanges ?? []).map((range) => range.trim()).filter(isIPv4);
  if (ranges.length === 0 || ranges.includes("0.0.0.0/0") || balancers.length === 0) return undefined;
  const name = `fw-${suffix}`;
  const sources = [...new Set([...ranges, ...balancers])];
  builder.chains.set(name, [...sources.map((source) => `ip saddr ${source} return`), "drop"]);
  return name;
}

/** For a Service whose policy keeps traffic on the node, when all its endpoints are elsewhere. */
function discarding({ builder, suffix }: PortContext, prefix: string): string {
  const name = `${prefix}-${suffix}`;
  builder.chains.set(name, [`goto ${dropChain}`]);
  return name;
}

function trackUdp(
  builder: Builder,
  protocol: string,
  address: string,
  port: number,
  targets: readonly Target[],
): void {
  if (protocol !== "udp") return;
  builder.udpFlows.set(`${address} ${port}`, new Set(targets.map((t) => `${t.address} ${t.port}`)));
}

interface PortContext {
  readonly builder: Builder;
  readonly protocol: string;
  readonly suffix: string;
  readonly affinitySeconds: number;
}

/** The chain for traffic from outside: masqueraded, or kept on the node with the client's address (externalTrafficPolicy Local). */
function external(
  context: PortContext,
  service: Service,
  cluster: readonly Target[],
  local: readonly Target[],
  options: RuleOptions,
): string {
  const masquerade = `meta mark set meta mark | ${masqueradeMark}`;
  if (service.spec?.externalTrafficPolicy !== "Local" || cluster.length + local.length === 0)
    return balance(context, "ext", cluster, [masquerade]);
  // The cluster's own pods and nodes may use the address as if it were the cluster address.
  const own = balance(context, "own", cluster, [`ip saddr != ${options.podCidr} ${masquerade}`]);
  const name = `ext-${context.suffix}`;
  const shortCuts = [`ip saddr ${options.podCidr} goto ${own}`, `fib saddr type local goto ${own}`];
  const rest = `goto ${local.length > 0 ? balance(context, "loc", local, []) : dropChain}`;
  context.builder.chains.set(name, [...shortCuts, rest]);
  return name;
}

/** A chain that sends each new connection to one of the targets at random, or back to the one its client had. */
function balance(
  context: PortContext,
  prefix: string,
  targets: readonly Target[],
  before: readonly string[],
): string {
  const name = `${prefix}-${context.suffix}`;
  if (targets.length === 0) {
    context.builder.chains.set(name, [`goto ${rejectChain}`]);
    return name;
  }
  if (context.affinitySeconds > 0) {
    context.builder.chains.set(name, [...before, ...sticky(context, targets)]);
    return name;
  }
  const map = targets.map((t, i) => `${i} : ${t.address} . ${t.port}`).join(", ");
  context.builder.chains.set(name, [
    ...before,
    `meta l4proto ${context.protocol} dnat ip to numgen random mod ${targets.length} map { ${map} }`,
  ]);
  return name;
}

function sticky(context: PortContext, targets: readonly Target[]): string[] {
  const names = targets.map((target) => {
    const end = `${context.suffix}__${target.address}/${target.port}`;
    // The time-out is part of the name: a set's cannot be changed. A set that is given a size gets a table of that size at once, two
    // megabytes for 65,535 clients: with a thousand endpoints 4 s and 2 GB of the kernel's memory. Without one it grows.
    const set = `aff-${context.affinitySeconds}s-${end}`;
    const chain = `ep-${end}`;
    context.builder.sets.set(
      set,
      `{ type ipv4_addr; flags dynamic,timeout; timeout ${context.affinitySeconds}s; }`,
    );
    context.builder.chains.set(chain, [
      `update @${set} { ip saddr }`,
      `meta l4proto ${context.protocol} dnat to ${target.address}:${target.port}`,
    ]);
    return { set, chain };
  });
  const verdicts = names.map(({ chain }, i) => `${i} : goto ${chain}`).join(", ");
  return [
    ...names.map(({ set, chain }) => `ip saddr @${set} goto ${chain}`),
    `numgen random mod ${targets.length} vmap { ${verdicts} }`,
  ];
}
