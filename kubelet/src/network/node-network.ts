/** The node's root network: bridge, addresses, routes to the other nodes, rules. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Logger } from "@coracle/shared/log.ts";
import { command, ipBatch } from "./command.ts";
import { gatewayOf, parseCidr, printAddress } from "./cidr.ts";
import { PodRange } from "./pod-range.ts";
import type { PodNetwork } from "./network.ts";
import { BRIDGE, isPodLink, isWired, linkName, plugPod, unplugPod, unplugSandbox } from "./pod-link.ts";
import { applyRules, nodeRules, type HostPort } from "./rules.ts";
import { setSysctl } from "./sysctl.ts";

export interface NodeNetworkOptions {
  readonly clusterPodCidr: string;
  readonly serviceCidr: string;
  readonly nodesSubnet: string;
  readonly apiPort: number;
  /** The interface on the nodes' network, and the node's address there. */
  readonly uplink: { readonly name: string; readonly address: string };
  readonly log: Logger;
  /** Addresses that pods of this node have already, by pod: they are taken before any other is given out. */
  readonly held?: (() => Iterable<readonly [string, string]>) | undefined;
}

/** Another node's range and the address it is reached at. */
export interface Peer {
  readonly podCidr: string;
  readonly address: string;
}

export interface NodeNetwork extends PodNetwork {
  /** Sets up the bridge for the node's range. Called again with the same range it repairs what is missing. */
  configure(podCidr: string): Promise<void>;
  /** Sets routes and rules for all other nodes; does nothing when nothing changed. */
  setPeers(peers: readonly Peer[], nodeAddresses: readonly string[]): Promise<void>;
  readonly gateway: string | undefined;
}

/** Runs one task at a time; the kernel's tables are shared by all pods. */
function serial(): <T>(task: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return (task) => {
    const run = tail.then(task, task);
    tail = run.catch(() => undefined);
    return run;
  };
}

/** Names of the pod cables that exist in this network namespace. */
async function podLinks(): Promise<string[]> {
  const text = await command("ip", ["-j", "link", "show", "type", "veth"]);
  const links = JSON.parse(text || "[]") as readonly { ifname?: string }[];
  return links.flatMap(({ ifname }) => (ifname && isPodLink(ifname) ? [ifname] : []));
}

/** The network of the namespace this process is in. */
export function createNodeNetwork(options: NodeNetworkOptions): NodeNetwork {
  const exclusive = serial();
  const links = new Set<string>();
  const hostPorts = new Map<string, readonly HostPort[]>();
  const range = new PodRange();
  let mtu = 1500;
  let peers = new Map<string, string>();
  let nodeAddresses: readonly string[] = [];

  const writeRules = async (): Promise<void> => {
    const { clusterPodCidr: podCidr, serviceCidr, nodesSubnet, apiPort } = options;
    await applyRules(
      nodeRules(
        { podCidr, serviceCidr, nodesSubnet, nodeAddresses, apiPort },
        [...hostPorts.values()].flat(),
      ),
    );
  };

  return {
    get ready() {
      return range.ready;
    },
    get gateway() {
      return range.gateway;
    },
    whenReady: (signal) => range.whenReady(signal),
    configure: (podCidr) =>
      exclusive(async () => {
        const { uplink } = options;
        const cidr = parseCidr(podCidr);
        const address = gatewayOf(cidr);
        const uplinkMtu = await readFile(`/sys/class/net/${uplink.name}/mtu`, "utf8").catch(() => "1500");
        mtu = Number(uplinkMtu);
        const existing = await command("ip", ["-o", "link", "show"]);
        await ipBatch([
          ...(existing.includes(`: ${BRIDGE}:`) ? [] : [`link add ${BRIDGE} type bridge`]),
          // A bridge without an address of its own takes that of its first port, and changes it with its ports.
          `link set ${BRIDGE} address 02:42:c0:ac:1e:01 mtu ${mtu} up`,
          `addr flush dev ${BRIDGE}`,
          `addr add ${address}/${cidr.bits} dev ${BRIDGE}`,
          // A server in the node's network that is bound to all addresses answers a pod's datagram from the one that this names:
          // it must be the node's own, which the pod had asked.
          `route replace ${printAddress(cidr.base)}/${cidr.bits} dev ${BRIDGE} proto kernel scope link src ${uplink.address}`,
          `route replace unreachable ${options.clusterPodCidr}`,
          // The node's own packets to a Service pass routing before they are DNATed; without a proxy they die in ARP here.
          `route replace ${options.serviceCidr} dev ${BRIDGE} scope link`,
        ]);
        await setSysctl("net.ipv4.ip_forward", "1");
        // Pods' packets are routed. Filtered as bridged ones too, one to a Service of the pod's own would be sent back into its
        // port, where a bridge drops it. Present only where the host has loaded the bridge's filter.
        if (existsSync("/proc/sys/net/bridge")) await setSysctl("net.bridge.bridge-nf-call-iptables", "0");
        await setSysctl("net.ipv4.conf.all.send_redirects", "0");
        await setSysctl(`net.ipv4.conf.${BRIDGE}.send_redirects`, "0");
        await setSysctl(`net.ipv4.conf.${BRIDGE}.route_localnet`, "1");
        for (const name of await podLinks()) links.add(name);
        await writeRules();
        range.set(podCidr, options.held?.());
      }),
    setPeers: (list, known) =>
      exclusive(async () => {
        const wanted = new Map(list.map((peer) => [peer.podCidr, peer.address]));
        const changes = [
          ...[...wanted].flatMap(([cidr, via]) =>
            peers.get(cidr) === via ? [] : [`route replace ${cidr} via ${via}`],
          ),
          ...[...peers.keys()].flatMap((cidr) => (wanted.has(cidr) ? [] : [`route del ${cidr}`])),
        ];
        if (changes.length > 0) await ipBatch(changes);
        peers = wanted;
        if (known.join() === nodeAddresses.join()) return;
        nodeAddresses = [...known];
        if (range.ready) await writeRules();
      }),
    allocate: (uid) => range.addresses.allocate(uid),
    claim: (uid, address) => range.addresses.claim(uid, address),
    release: (uid) => range.release(uid),
    attached: (uid) => links.has(linkName(uid)),
    wired: isWired,
    attach: async ({ uid, pid, address }) => {
      const name = linkName(uid);
      if (links.has(name)) {
        await unplugPod(name);
        links.delete(name);
      }
      const link = { uid, pid, address, gateway: range.gateway ?? "", mtu };
      try {
        await plugPod(link);
      } catch (error) {
        if (!/File exists/.test(String(error))) throw error;
        // Half a cable of an attempt that was cut short, or of a kubelet before this one.
        await unplugPod(name);
        await unplugSandbox(pid);
        await plugPod(link);
      }
      links.add(name);
    },
    detach: async (uid) => {
      const name = linkName(uid);
      if (!links.has(name)) return;
      await unplugPod(name);
      links.delete(name);
    },
    setHostPorts: (uid, ports) =>
      exclusive(async () => {
        if (ports.length === 0 && !hostPorts.has(uid)) return;
        if (ports.length > 0) hostPorts.set(uid, ports);
        else hostPorts.delete(uid);
        await writeRules();
      }),
    removeStrangers: async (known) => {
      const names = new Set([...known].map(linkName));
      for (const name of await podLinks()) {
        if (names.has(name)) continue;
        await unplugPod(name);
        links.delete(name);
      }
    },
  };
}
