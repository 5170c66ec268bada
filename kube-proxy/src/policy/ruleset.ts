/** Isolation as nftables has it: a chain for each pod and direction, and a set for each selection of pods. Pure. */
import { createHash } from "node:crypto";
import type { AddressBlock, Allowance, Direction, Isolation, PeerSet } from "./model.ts";

export const table = "ip coracle_policy";

export interface Ruleset {
  /** By name. */
  readonly sets: ReadonlyMap<string, PeerSet>;
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Which chain judges what is from (egress) or to (ingress) an address. */
  readonly maps: Readonly<Record<Direction, ReadonlyMap<string, string>>>;
}

export const emptyRuleset: Ruleset = {
  sets: new Map(),
  chains: new Map(),
  maps: { ingress: new Map(), egress: new Map() },
};

const digest = (text: string): string => createHash("sha1").update(text).digest("hex").slice(0, 12);
const setName = (set: PeerSet): string => `peers-${digest(set.key)}`;

/** Who the pod talks with is in the source of what comes in, and in the destination of what goes out. */
const peerField = { ingress: "ip saddr", egress: "ip daddr" } as const;
const ownField = { ingress: "ip daddr", egress: "ip saddr" } as const;

export function rulesetOf(isolations: Iterable<Isolation>): Ruleset {
  const sets = new Map<string, PeerSet>();
  const chains = new Map<string, readonly string[]>();
  const maps = { ingress: new Map<string, string>(), egress: new Map<string, string>() };
  for (const { pod, address, direction, allowances } of isolations) {
    const name = `${direction}-${digest(pod)}`;
    const field = peerField[direction];
    for (const set of allowances.flatMap(setsOf)) sets.set(setName(set), set);
    // A pod always reaches itself; what nothing allows ends here.
    const self = `${field} ${address} accept`;
    chains.set(name, [
      self,
      ...new Set(allowances.flatMap((allowance) => rulesOf(allowance, field))),
      "drop",
    ]);
    maps[direction].set(address, name);
  }
  return { sets, chains, maps };
}

const setsOf = ({ peers, named }: Allowance): PeerSet[] => [
  ...(peers ?? []).flatMap((peer) => peer.pods ?? []),
  ...named.map(({ set }) => set),
];

function rulesOf({ peers, ports, named }: Allowance, field: string): string[] {
  const froms = peers?.map((peer) =>
    peer.pods ? `${field} @${setName(peer.pods)}` : inBlock(field, peer.block),
  ) ?? [""];
  const tos = ports?.map(({ protocol, from, to }) => {
    const l4 = protocol.toLowerCase();
    if (from === undefined) return `meta l4proto ${l4}`;
    return `${l4} dport ${from === to ? from : `${from}-${to}`}`;
  }) ?? [""];
  const rules = froms.flatMap((from) => tos.map((to) => [from, to, "accept"].filter(Boolean).join(" ")));
  const own = named.map(({ protocol, set, block }) => {
    const within = block ? `${inBlock(field, block)} ` : "";
    return `${within}${field} . ${protocol.toLowerCase()} dport @${setName(set)} accept`;
  });
  return [...rules, ...own];
}

function inBlock(field: string, { cidr, except }: AddressBlock): string {
  const within = `${field} ${cidr}`;
  return except.length > 0 ? `${within} ${field} != { ${except.join(", ")} }` : within;
}

const typeOf = ({ port }: PeerSet): string => (port ? "ipv4_addr . inet_service" : "ipv4_addr");

/**
 * The table before there is any policy. What leaves a pod is judged first, then what comes to one, each with its own word: an
 * accepted packet goes on to the next chain of the hook. Services' addresses are those of pods by then. Connections that stand go on,
 * and what the node itself sends (probes, say) is not forwarded and so not judged.
 */
export const base = `add table ${table}
delete table ${table}
table ${table} {
  map egress { type ipv4_addr : verdict; }
  map ingress { type ipv4_addr : verdict; }
  chain forward-egress {
    type filter hook forward priority filter - 2;
    ct state established,related accept
    ${ownField.egress} vmap @egress
  }
  chain forward-ingress {
    type filter hook forward priority filter - 1;
    ct state established,related accept
    ${ownField.ingress} vmap @ingress
  }
}
`;

export const removal = `add table ${table}\ndelete table ${table}\n`;

/** Whether the table has its rules: `flush table` takes those of all chains at once, so that one chain stands for all. */
export async function isIntact(run: (commands: string) => Promise<string>): Promise<boolean> {
  try {
    return (await run(`list chain ${table} forward-ingress\n`)).includes("vmap @ingress");
  } catch (error) {
    if (/No such file or directory/.test(String(error))) return false;
    throw error;
  }
}

/** nft commands that turn one ruleset into another, in the order in which references allow them. Members of sets are no part of it. */
export function transition(before: Ruleset, after: Ruleset): string[] {
  const make: string[] = [];
  const fill: string[] = [];
  const drop: string[] = [];
  for (const [name, set] of after.sets)
    if (!before.sets.has(name)) make.push(`add set ${table} ${name} { type ${typeOf(set)}; }`);
  for (const [name, rules] of after.chains) {
    if (before.chains.get(name)?.join() === rules.join()) continue;
    make.push(`add chain ${table} ${name}`, `flush chain ${table} ${name}`);
    fill.push(...rules.map((rule) => `add rule ${table} ${name} ${rule}`));
  }
  for (const direction of ["egress", "ingress"] as const) {
    const [old, now] = [before.maps[direction], after.maps[direction]];
    for (const [address, chain] of old)
      if (now.get(address) !== chain) fill.push(`delete element ${table} ${direction} { ${address} }`);
    for (const [address, chain] of now)
      if (old.get(address) !== chain)
        fill.push(`add element ${table} ${direction} { ${address} : jump ${chain} }`);
  }
  const gone = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  drop.push(...gone.map((name) => `flush chain ${table} ${name}`));
  drop.push(...gone.map((name) => `delete chain ${table} ${name}`));
  for (const name of before.sets.keys()) if (!after.sets.has(name)) drop.push(`delete set ${table} ${name}`);
  return [...make, ...fill, ...drop];
}

/** Commands that bring a set's members from one state to another. */
export function membersTransition(
  name: string,
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
): string[] {
  const change = (verb: string, members: readonly string[]): string[] =>
    members.length > 0 ? [`${verb} element ${table} ${name} { ${members.join(", ")} }`] : [];
  return [
    ...change(
      "delete",
      [...before].filter((m) => !after.has(m)),
    ),
    ...change(
      "add",
      [...after].filter((m) => !before.has(m)),
    ),
  ];
}
