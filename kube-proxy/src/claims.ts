import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { Fragment } from "./rules.ts";

/**
 * Which Service gets an address and port that several name. Nothing keeps Services from naming the same external address, or a load
 * balancer from giving one to two; the kernel takes one entry only, and refuses the whole table for the sake of a second.
 */
export interface Claims {
  /** Notes what a Service wants now; undefined when it is gone. @returns the other Services that want something of it, now or before */
  claim(key: string, service: Service | undefined, wanted: Fragment): Iterable<string>;
  /** The fragment without the entries that belong to others. */
  granted(key: string, wanted: Fragment): Fragment;
  clear(): void;
}

interface Claimant {
  readonly key: string;
  /** Has it as its cluster address, which nobody can take away by naming it. */
  readonly own: boolean;
  readonly since: string;
}

const addressOf = (entry: string): string => entry.slice(0, entry.indexOf(" "));

/** The same on every node: cluster addresses first, then the oldest Service, then the first by name. */
const precedes = (a: Claimant, b: Claimant): boolean => {
  if (a.own !== b.own) return a.own;
  return a.since === b.since ? a.key < b.key : a.since < b.since;
};

export function createClaims(): Claims {
  /** By entry of the services' map; nearly all have one claimant. */
  const claimants = new Map<string, readonly Claimant[]>();
  const entriesOf = new Map<string, readonly string[]>();
  const isHolder = (entry: string, key: string): boolean => {
    const all = claimants.get(entry) ?? [];
    return all.length < 2 || all.reduce((best, next) => (precedes(next, best) ? next : best)).key === key;
  };
  const withdraw = (key: string, others: Set<string>): void => {
    for (const entry of entriesOf.get(key) ?? []) {
      const left = (claimants.get(entry) ?? []).filter((c) => c.key !== key);
      if (left.length > 0) claimants.set(entry, left);
      else claimants.delete(entry);
      for (const other of left) others.add(other.key);
    }
    entriesOf.delete(key);
  };
  return {
    claim(key, service, wanted) {
      const others = new Set<string>();
      withdraw(key, others);
      const entries = [...wanted.services.keys()];
      const { clusterIPs, clusterIP } = service?.spec ?? {};
      const ownAddresses = clusterIPs ?? [clusterIP ?? ""];
      const since = service?.metadata.creationTimestamp ?? "";
      for (const entry of entries) {
        const before = claimants.get(entry) ?? [];
        for (const other of before) others.add(other.key);
        claimants.set(entry, [...before, { key, own: ownAddresses.includes(addressOf(entry)), since }]);
      }
      if (entries.length > 0) entriesOf.set(key, entries);
      return others;
    },
    granted(key, wanted) {
      const denied = new Set([...wanted.services.keys()].filter((entry) => !isHolder(entry, key)));
      return denied.size === 0 ? wanted : without(wanted, denied);
    },
    clear() {
      claimants.clear();
      entriesOf.clear();
    },
  };
}

function without(fragment: Fragment, denied: ReadonlySet<string>): Fragment {
  const rest = <V>(map: ReadonlyMap<string, V>, lost: ReadonlySet<string>): Map<string, V> =>
    new Map([...map].filter(([entry]) => !lost.has(entry)));
  const lostFlows = new Set([...denied].map((entry) => entry.replace(" . udp . ", " ")));
  return {
    ...fragment,
    services: rest(fragment.services, denied),
    firewalls: rest(fragment.firewalls, denied),
    udpFlows: rest(fragment.udpFlows, lostFlows),
  };
}
