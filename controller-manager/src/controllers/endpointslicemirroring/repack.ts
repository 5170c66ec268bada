import type { EndpointAddress, EndpointPort, EndpointSubset } from "@coracle/shared/api/generated/core-v1.ts";
import { canonicalJson } from "../../canonical.ts";

/** What people write by hand as subsets, in the one form that says the same: for each set of addresses, all of its ports. Pure. */

export interface Subset {
  readonly ports: readonly EndpointPort[];
  readonly ready: readonly EndpointAddress[];
  readonly notReady: readonly EndpointAddress[];
}

interface Reached {
  readonly port: EndpointPort | undefined;
  /** Address → is it ready for this port. */
  readonly ready: Map<string, boolean>;
}

/** Two objects behind one address are two endpoints. */
const identityOf = (address: EndpointAddress): string =>
  canonicalJson([address.ip, address.targetRef?.uid ?? ""]);

/** Regroups subsets by what their ports reach. An address that is named both ready and not ready for a port is not ready. */
export function repackSubsets(subsets: readonly EndpointSubset[]): Subset[] {
  const addresses = new Map<string, EndpointAddress>();
  const reached = new Map<string, Reached>();
  for (const subset of subsets) {
    const ports = subset.ports && subset.ports.length > 0 ? subset.ports : [undefined];
    for (const port of ports) {
      const key = port ? canonicalJson(port) : "";
      const { ready } = reached.get(key) ?? reached.set(key, { port, ready: new Map() }).get(key)!;
      const add = (all: readonly EndpointAddress[] | undefined, isReady: boolean): void => {
        for (const address of all ?? []) {
          const id = identityOf(address);
          if (!addresses.has(id)) addresses.set(id, address);
          ready.set(id, isReady && ready.get(id) !== false);
        }
      };
      add(subset.addresses, true);
      add(subset.notReadyAddresses, false);
    }
  }
  const groups = Map.groupBy(reached.values(), ({ ready }) => canonicalJson([...ready].toSorted(byId)));
  return [...groups.values()].map((group) => {
    const ids = [...(group[0]?.ready ?? [])].toSorted(byId);
    const pick = (wanted: boolean): EndpointAddress[] =>
      ids.flatMap(([id, isReady]) => (isReady === wanted ? (addresses.get(id) ?? []) : []));
    return { ports: group.flatMap(({ port }) => port ?? []), ready: pick(true), notReady: pick(false) };
  });
}

const byId = ([a]: readonly [string, boolean], [b]: readonly [string, boolean]): number =>
  a < b ? -1 : a > b ? 1 : 0;
