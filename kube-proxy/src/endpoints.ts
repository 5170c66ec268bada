import type { ServicePort } from "@coracle/shared/api/generated/core-v1.ts";
import type { Endpoint, EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";

/** The node whose rules are made. */
export interface NodeView {
  readonly name: string;
  /** `topology.kubernetes.io/zone`, or "" */
  readonly zone: string;
}

export interface Target {
  readonly address: string;
  readonly port: number;
  /** On this node. */
  readonly local: boolean;
}

export interface Targets {
  /** For traffic that any endpoint may serve. */
  readonly cluster: readonly Target[];
  /** For traffic that must stay on this node. */
  readonly local: readonly Target[];
}

interface Candidate extends Target {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zones: readonly string[] | undefined;
  readonly nodes: readonly string[] | undefined;
}

function candidate(endpoint: Endpoint, port: number, node: NodeView): Candidate | undefined {
  const [address] = endpoint.addresses;
  if (!address) return undefined;
  const ready = endpoint.conditions?.ready !== false;
  return {
    address,
    port,
    local: endpoint.nodeName === node.name,
    ready,
    serving: endpoint.conditions?.serving ?? ready,
    terminating: endpoint.conditions?.terminating === true,
    zones: endpoint.hints?.forZones?.map((z) => z.name),
    nodes: endpoint.hints?.forNodes?.map((n) => n.name),
  };
}

/** Ready ones; when there are none, those that still serve while they terminate (KEP-1669). */
function usable(all: readonly Candidate[]): readonly Candidate[] {
  const ready = all.filter((c) => c.ready);
  return ready.length > 0 ? ready : all.filter((c) => c.serving && c.terminating);
}

/** Hints are followed only when every endpoint has one and at least one names us (KEP-2433, KEP-3015). */
function nearest(all: readonly Candidate[], node: NodeView): readonly Candidate[] {
  if (all.every((c) => c.nodes?.length)) {
    const here = all.filter((c) => c.nodes?.includes(node.name));
    if (here.length > 0) return here;
  }
  if (node.zone && all.every((c) => c.zones?.length)) {
    const inZone = all.filter((c) => c.zones?.includes(node.zone));
    if (inZone.length > 0) return inZone;
  }
  return all;
}

const byAddress = (a: Target, b: Target): number =>
  a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1;

function unique(candidates: readonly Candidate[]): Target[] {
  const seen = new Map<string, Target>();
  for (const { address, port, local } of candidates) seen.set(`${address}:${port}`, { address, port, local });
  // A fixed order keeps equal states equal as text, so that nothing is written for them.
  return [...seen.values()].toSorted(byAddress);
}

/** The endpoints that serve one port of a Service, as this node sees them. */
export function selectTargets(port: ServicePort, slices: readonly EndpointSlice[], node: NodeView): Targets {
  const all: Candidate[] = [];
  for (const slice of slices) {
    if (slice.addressType !== "IPv4") continue;
    const match = slice.ports?.find(
      (p) => (p.name ?? "") === (port.name ?? "") && (p.protocol ?? "TCP") === (port.protocol ?? "TCP"),
    );
    if (match?.port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const found = candidate(endpoint, match.port, node);
      if (found) all.push(found);
    }
  }
  return { cluster: unique(nearest(usable(all), node)), local: unique(usable(all.filter((c) => c.local))) };
}
