import type { Endpoint, EndpointPort, EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import { canonicalJson, semanticEqual } from "../../canonical.ts";

/** How desired endpoints are laid out over slices with as few writes as possible. Pure. */

/** Endpoints that share one list of ports. */
export interface EndpointGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SlicePlan {
  readonly create: readonly EndpointGroup[];
  /** Existing slices with their new endpoints. */
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

const identity = (e: Endpoint): string =>
  canonicalJson([e.addresses.toSorted(), e.targetRef?.uid, e.hostname]);

const portsKey = (ports: readonly EndpointPort[] | undefined): string =>
  (ports ?? [])
    .map((p) => canonicalJson([p.name ?? "", p.protocol ?? "TCP", p.port, p.appProtocol]))
    .toSorted()
    .join(";");

/** Groups endpoints by their ports. */
export function groupByPorts(
  items: Iterable<{ readonly ports: readonly EndpointPort[]; readonly endpoint: Endpoint }>,
): EndpointGroup[] {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>();
  for (const { ports, endpoint } of items) {
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpoint);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * Slices keep the endpoints they have; changed and vanished ones are updated in place; new ones fill slices that change anyway, then
 * other slices with room, then new slices. Slices left empty go. `max` endpoints to a slice.
 */
export function planSlices(
  existing: readonly EndpointSlice[],
  groups: readonly EndpointGroup[],
  max: number,
): SlicePlan {
  const byPorts = Map.groupBy(existing, (slice) => portsKey(slice.ports));
  const create: EndpointGroup[] = [];
  const update: EndpointSlice[] = [];
  const remove: EndpointSlice[] = [];
  for (const group of groups) {
    const key = portsKey(group.ports);
    const part = planGroup(byPorts.get(key) ?? [], group, max);
    byPorts.delete(key);
    create.push(...part.create);
    update.push(...part.update);
    remove.push(...part.remove);
  }
  for (const slices of byPorts.values()) remove.push(...slices);
  return { create, update, remove };
}

interface Draft {
  readonly slice: EndpointSlice;
  endpoints: Endpoint[];
  changed: boolean;
}

function draftOf(slice: EndpointSlice, wanted: Map<string, Endpoint>): Draft {
  const draft: Draft = { slice, endpoints: [], changed: false };
  for (const endpoint of slice.endpoints ?? []) {
    const id = identity(endpoint);
    const next = wanted.get(id);
    wanted.delete(id);
    if (!next) draft.changed = true;
    else {
      draft.endpoints.push(next);
      if (!semanticEqual(next, endpoint)) draft.changed = true;
    }
  }
  return draft;
}

function planGroup(existing: readonly EndpointSlice[], group: EndpointGroup, max: number): SlicePlan {
  const wanted = new Map(group.endpoints.map((e) => [identity(e), e]));
  const drafts = existing.map((slice) => draftOf(slice, wanted));
  const left = [...wanted.values()];
  const fill = (draft: Draft): void => {
    const room = max - draft.endpoints.length;
    if (room <= 0 || left.length === 0) return;
    draft.endpoints.push(...left.splice(0, room));
    draft.changed = true;
  };
  for (const draft of drafts) if (draft.changed) fill(draft);
  const fullestFirst = drafts.toSorted((a, b) => b.endpoints.length - a.endpoints.length);
  while (left.length > 0 && left.length < max) {
    const fits = fullestFirst.find((d) => d.endpoints.length > 0 && d.endpoints.length + left.length <= max);
    if (!fits) break;
    fill(fits);
  }
  const create: EndpointGroup[] = [];
  while (left.length > 0) create.push({ ports: group.ports, endpoints: left.splice(0, max) });
  return {
    create,
    update: drafts
      .filter((d) => d.changed && d.endpoints.length > 0)
      .map((d) => ({ ...d.slice, endpoints: d.endpoints })),
    remove: drafts.filter((d) => d.endpoints.length === 0).map((d) => d.slice),
  };
}
