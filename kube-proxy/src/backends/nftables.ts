import { spawn } from "node:child_process";
import { dropChain, emptyFragment, masqueradeMark, rejectChain, type Fragment } from "../rules.ts";
import type { Backend, FragmentChange } from "./backend.ts";

export const table = "ip coracle_proxy";

/**
 * The parts that do not depend on any Service. A lookup is one map access whatever the number of Services. What is addressed to
 * the service range and matched nothing is refused, in forward and output, since there is nobody at such an address; so is what
 * is addressed to a Service without endpoints. The node's own rules refuse too, and later: what is dropped must be gone by then.
 * A packet that fits no connection would pass untranslated, and its receiver would reset the connection that it does not belong to.
 */
const base = (serviceCidr: string): string => `
add table ${table}
delete table ${table}
table ${table} {
  map services { type ipv4_addr . inet_proto . inet_service : verdict; }
  map node-ports { type inet_proto . inet_service : verdict; }
  set own-addresses { type ipv4_addr . ipv4_addr; }
  chain ${rejectChain} { }
  chain ${dropChain} { meta mark set meta mark | 0x8000; }
  chain lookup {
    ip daddr . meta l4proto . th dport vmap @services
    fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @node-ports
  }
  chain nat-prerouting { type nat hook prerouting priority dstnat; jump lookup; }
  chain nat-output { type nat hook output priority -100; jump lookup; }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr . ip daddr @own-addresses masquerade fully-random
    meta mark & ${masqueradeMark} == 0 return
    meta mark set meta mark & 0xffffbfff
    masquerade fully-random
  }
  map firewalls { type ipv4_addr . inet_proto . inet_service : verdict; }
  map refused-services { type ipv4_addr . inet_proto . inet_service : verdict; }
  map refused-node-ports { type inet_proto . inet_service : verdict; }
  chain firewall { ct state new ip daddr . meta l4proto . th dport vmap @firewalls; }
  chain firewall-prerouting { type filter hook prerouting priority dstnat - 10; jump firewall; }
  chain firewall-output { type filter hook output priority -110; jump firewall; }
  chain say-no {
    meta l4proto tcp reject with tcp reset
    reject with icmp type port-unreachable
  }
  chain guard {
    meta mark & 0x8000 == 0x8000 drop
    ip daddr ${serviceCidr} goto say-no
    ct state new ip daddr . meta l4proto . th dport vmap @refused-services
    fib daddr type local ip daddr != 127.0.0.0/8 ct state new meta l4proto . th dport vmap @refused-node-ports
  }
  chain filter-input { type filter hook input priority filter - 1; jump guard; }
  chain filter-forward { type filter hook forward priority filter - 1; ct state invalid drop; jump guard; }
  chain filter-output { type filter hook output priority filter - 1; jump guard; }
}
`;

interface Desired {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly sets: ReadonlyMap<string, string>;
  /** Map name → key → verdict. */
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** The entries of a lookup that lead to no endpoint. They are answered by the filter chains, where `reject` may stand. */
function refused(
  entries: ReadonlyMap<string, string>,
  chains: ReadonlyMap<string, readonly string[]>,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, verdict] of entries) {
    const rules = chains.get(verdict.replace("goto ", ""));
    if (rules?.length === 1 && rules[0] === `goto ${rejectChain}`) found.set(key, "goto say-no");
  }
  return found;
}

const desired = ({ chains, sets, services, firewalls, nodePorts }: Fragment): Desired => ({
  chains,
  sets,
  maps: new Map<string, ReadonlyMap<string, string>>([
    ["services", services],
    ["firewalls", firewalls],
    ["node-ports", nodePorts],
    ["refused-services", refused(services, chains)],
    ["refused-node-ports", refused(nodePorts, chains)],
  ]),
});

const sameRules = (a: readonly string[] | undefined, b: readonly string[]): boolean =>
  a !== undefined && a.length === b.length && a.every((rule, i) => rule === b[i]);

/** nft commands that turn `before` into `after`, in the order in which references allow them. Pure. */
export function transaction(changes: readonly FragmentChange[]): string[] {
  const make: string[] = [];
  const fill: string[] = [];
  const unmap: string[] = [];
  const map: string[] = [];
  const drop: string[] = [];
  for (const change of changes) {
    const before = desired(change.before);
    const after = desired(change.after);
    for (const [name, definition] of after.sets)
      if (before.sets.get(name) !== definition) make.push(`add set ${table} ${name} ${definition}`);
    for (const [name, rules] of after.chains) {
      if (sameRules(before.chains.get(name), rules)) continue;
      make.push(`add chain ${table} ${name}`, `flush chain ${table} ${name}`);
      for (const rule of rules) fill.push(`add rule ${table} ${name} ${rule}`);
    }
    for (const [name, entries] of after.maps) {
      const old = before.maps.get(name) ?? new Map<string, string>();
      for (const [key, verdict] of old)
        if (entries.get(key) !== verdict) unmap.push(`delete element ${table} ${name} { ${key} }`);
      for (const [key, verdict] of entries)
        if (old.get(key) !== verdict) map.push(`add element ${table} ${name} { ${key} : ${verdict} }`);
    }
    const gone = [...before.chains.keys()].filter((name) => !after.chains.has(name));
    // Chains of one Service refer to each other: empty them all before the first is deleted.
    drop.push(
      ...gone.map((name) => `flush chain ${table} ${name}`),
      ...gone.map((name) => `delete chain ${table} ${name}`),
    );
    for (const name of before.sets.keys())
      if (!after.sets.has(name)) drop.push(`delete set ${table} ${name}`);
  }
  return [...make, ...fill, ...unmap, ...map, ...drop];
}

const ownAddress = (verb: "add" | "delete", address: string): string =>
  `${verb} element ${table} own-addresses { ${address} . ${address} }`;

/**
 * Runs one nft transaction, and says what it lists. @throws Error with nft's own words when the kernel refuses it; then nothing was
 * changed
 */
export function nft(commands: string, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("nft", ["-f", "-"], signal ? { signal } : {});
    let listing = "";
    let complaint = "";
    child.stdout.on("data", (d: Buffer) => (listing += d.toString()));
    child.stderr.on("data", (d: Buffer) => (complaint += d.toString()));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(listing) : reject(new Error(`nft: ${complaint.slice(0, 2_000)}`)),
    );
    child.stdin.on("error", () => undefined);
    child.stdin.end(commands);
  });
}

/**
 * Whether the table is there with its rules. `flush table` leaves chains and maps, and takes the rules of all chains at once: the few
 * that do not depend on any Service stand for all.
 */
async function isIntact(run: (commands: string) => Promise<string>): Promise<boolean> {
  try {
    return (await run(`list chain ${table} nat-prerouting\n`)).includes("jump lookup");
  } catch (error) {
    if (/No such file or directory/.test(String(error))) return false;
    throw error;
  }
}

export function createNftablesBackend(options: {
  readonly serviceCidr: string;
  readonly run?: (commands: string) => Promise<string>;
}): Backend {
  const run = options.run ?? nft;
  return {
    async replace(fragments, localAddresses) {
      const changes = [...fragments].map((after) => ({ before: emptyFragment, after }));
      const addresses = [...localAddresses].map((a) => ownAddress("add", a));
      await run(base(options.serviceCidr) + [...transaction(changes), ...addresses].join("\n") + "\n");
    },
    async apply(changes, addresses) {
      const commands = [
        ...transaction(changes),
        ...addresses.removed.map((a) => ownAddress("delete", a)),
        ...addresses.added.map((a) => ownAddress("add", a)),
      ];
      if (commands.length > 0) await run(`${commands.join("\n")}\n`);
    },
    isIntact: () => isIntact(run),
    async cleanUp() {
      await run(`add table ${table}\ndelete table ${table}\n`);
    },
  };
}
