/** Addresses of the node's range, one a pod. Nothing is stored: after a restart they are claimed again from the sandboxes' labels. */
import { cidrContains, cidrSize, parseCidr, printAddress } from "./cidr.ts";

export interface Ipam {
  /** The pod's address; the same one when it already has one. @throws Error when the range is used up */
  allocate(uid: string): string;
  /** Takes the address a running pod has. False when it belongs to another pod or lies outside of the range. */
  claim(uid: string, address: string): boolean;
  release(uid: string): void;
  readonly used: number;
}

/** Allocates in turn, so that an address rests as long as possible before it is given to another pod. */
export function createIpam(range: string): Ipam {
  const cidr = parseCidr(range);
  const first = 2;
  const last = cidrSize(cidr) - 2;
  const byPod = new Map<string, string>();
  const byAddress = new Map<string, string>();
  let next = first;
  const take = (uid: string, address: string): string => {
    byPod.set(uid, address);
    byAddress.set(address, uid);
    return address;
  };
  return {
    allocate(uid) {
      const known = byPod.get(uid);
      if (known) return known;
      for (let tried = first; tried <= last; tried++) {
        const address = printAddress(cidr.base + next);
        next = next >= last ? first : next + 1;
        if (!byAddress.has(address)) return take(uid, address);
      }
      throw new Error(`no IP addresses available in range ${range}`);
    },
    claim(uid, address) {
      const owner = byAddress.get(address);
      if (!cidrContains(cidr, address) || (owner !== undefined && owner !== uid)) return false;
      const before = byPod.get(uid);
      if (before !== undefined && before !== address) byAddress.delete(before);
      take(uid, address);
      return true;
    },
    release(uid) {
      const address = byPod.get(uid);
      if (address === undefined) return;
      byPod.delete(uid);
      byAddress.delete(address);
    },
    get used() {
      return byPod.size;
    },
  };
}
