/** The network of a node without containers: addresses are given out, and no packet moves. */
import type { NodeNetwork } from "./node-network.ts";
import { PodRange } from "./pod-range.ts";

export function createHollowNetwork(): NodeNetwork {
  const attached = new Set<string>();
  const range = new PodRange();
  return {
    get ready() {
      return range.ready;
    },
    get gateway() {
      return range.gateway;
    },
    whenReady: (signal) => range.whenReady(signal),
    configure: (podCidr) => Promise.resolve(range.set(podCidr)),
    setPeers: () => Promise.resolve(),
    allocate: (uid) => range.addresses.allocate(uid),
    claim: (uid, address) => range.addresses.claim(uid, address),
    release: (uid) => range.release(uid),
    attach: ({ uid }) => Promise.resolve(void attached.add(uid)),
    attached: (uid) => attached.has(uid),
    wired: () => Promise.resolve(true),
    detach: (uid) => Promise.resolve(void attached.delete(uid)),
    setHostPorts: () => Promise.resolve(),
    removeStrangers: () => Promise.resolve(),
  };
}
