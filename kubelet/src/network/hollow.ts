/** The network of a node without containers: addresses are given out, and no packet moves. */
import { gatewayOf, parseCidr } from "./cidr.ts";
import { createIpam, type Ipam } from "./ipam.ts";
import type { NodeNetwork } from "./node-network.ts";

export function createHollowNetwork(): NodeNetwork {
  const attached = new Set<string>();
  const waiting = new Set<() => void>();
  let ipam: Ipam | undefined;
  let gateway: string | undefined;
  const must = (): Ipam => {
    if (!ipam) throw new Error("the node has no pod range yet");
    return ipam;
  };
  return {
    get ready() {
      return ipam !== undefined;
    },
    get gateway() {
      return gateway;
    },
    whenReady: (signal) =>
      new Promise((resolve, reject) => {
        if (ipam) return resolve();
        waiting.add(resolve);
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      }),
    configure: (podCidr) => {
      ipam ??= createIpam(podCidr);
      gateway = gatewayOf(parseCidr(podCidr));
      for (const resolve of waiting) resolve();
      waiting.clear();
      return Promise.resolve();
    },
    setPeers: () => Promise.resolve(),
    allocate: (uid) => must().allocate(uid),
    claim: (uid, address) => must().claim(uid, address),
    release: (uid) => ipam?.release(uid),
    attach: ({ uid }) => Promise.resolve(void attached.add(uid)),
    attached: (uid) => attached.has(uid),
    wired: () => Promise.resolve(true),
    detach: (uid) => Promise.resolve(void attached.delete(uid)),
    setHostPorts: () => Promise.resolve(),
    removeStrangers: () => Promise.resolve(),
  };
}
