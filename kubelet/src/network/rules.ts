/** The node's own nftables rules; services are kube-proxy's. */
import { command } from "./command.ts";
import { BRIDGE } from "./pod-link.ts";

export interface RulesInput {
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly nodesSubnet: string;
  readonly nodeAddresses: readonly string[];
  readonly apiPort: number;
}

export interface HostPort {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** Empty: on every address of the node. */
  readonly hostIP: string;
  readonly address: string;
  readonly containerPort: number;
}

const TABLE = "coracle_node";
const set = (items: readonly string[]): string =>
  items.length > 0 ? `elements = { ${items.join(", ")} }` : "";

/**
 * The table as one atomic replacement. What leaves the cluster takes the node's address; pods reach nodes and the API on the nodes'
 * network and nothing else there, since the bus is on it; host ports lead to pods, and a pod that speaks to itself through one does
 * so with the node's address, since it would take no answer from its own. What is still addressed to a Service after DNAT is
 * refused: before kube-proxy has written its rules, and without it, clients are told at once instead of after ARP's 3 s.
 */
export function nodeRules(input: RulesInput, ports: readonly HostPort[]): string {
  // A key given twice fails the whole table; admission keeps pods apart, but two of one pod may meet.
  const unique = [
    ...new Map(ports.toReversed().map((p) => [`${p.hostIP} ${p.protocol} ${p.port}`, p])).values(),
  ];
  const any = unique.filter((p) => !p.hostIP);
  const bound = unique.filter((p) => p.hostIP);
  const target = (p: HostPort): string => `${p.address} . ${p.containerPort}`;
  const lookups = (hook: string): string => `
  chain ${hook} {
    type nat hook ${hook} priority -105;
    dnat ip to ip daddr . meta l4proto . th dport map @host_ports_bound
    fib daddr type local dnat ip to meta l4proto . th dport map @host_ports
  }`;
  return `table ip ${TABLE}
delete table ip ${TABLE}
table ip ${TABLE} {
  set nodes {
    type ipv4_addr
    ${set(input.nodeAddresses)}
  }
  map host_ports {
    type inet_proto . inet_service : ipv4_addr . inet_service
    ${set(any.map((p) => `${p.protocol} . ${p.port} : ${target(p)}`))}
  }
  map host_ports_bound {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
    ${set(bound.map((p) => `${p.hostIP} . ${p.protocol} . ${p.port} : ${target(p)}`))}
  }
  set hairpins {
    type ipv4_addr . ipv4_addr
    ${set([...new Set(unique.map((p) => p.address))].map((address) => `${address} . ${address}`))}
  }${lookups("prerouting")}${lookups("output")}
  chain postrouting {
    type nat hook postrouting priority srcnat + 5;
    ip saddr . ip daddr @hairpins masquerade
    ip saddr ${input.podCidr} ip daddr != ${input.podCidr} masquerade
    oifname "${BRIDGE}" ip saddr 127.0.0.0/8 masquerade
  }
  chain forward {
    type filter hook forward priority filter;
    ct state established,related accept
    ip daddr ${input.serviceCidr} reject with icmp type port-unreachable
    iifname "${BRIDGE}" ip daddr ${input.nodesSubnet} ip daddr != @nodes tcp dport != ${input.apiPort} reject with icmp type admin-prohibited
    iifname "${BRIDGE}" ip daddr ${input.nodesSubnet} ip daddr != @nodes meta l4proto != { tcp, icmp } reject with icmp type admin-prohibited
  }
  chain refuse {
    type filter hook output priority filter;
    ip daddr ${input.serviceCidr} reject with icmp type port-unreachable
  }
}
`;
}

export const applyRules = (text: string): Promise<string> => command("nft", ["-f", "-"], { input: text });
export const removeRules = (): Promise<string> =>
  command("nft", ["-f", "-"], { input: `table ip ${TABLE}\ndelete table ip ${TABLE}\n` });
