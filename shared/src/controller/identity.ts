import { Resolver } from "node:dns/promises";
import { hostname, networkInterfaces } from "node:os";

/** What a process can find out of itself. */
export interface Surroundings {
  readonly hostname: string;
  readonly pid: number;
  /** Its IPv4 addresses, loopback excluded. */
  readonly addresses: readonly string[];
  /** Who is asked for names. */
  readonly servers: readonly string[];
  /** Names of an address by DNS. */
  readonly namesOf: (address: string) => Promise<readonly string[]>;
}

/** The engine's DNS answers within milliseconds; where there is none nobody should wait for it. */
const resolver = new Resolver({ timeout: 1_000, tries: 1 });

/** Where the engine answers in each container of a network of its own. */
const ENGINE_DNS = "127.0.0.11";

const here = (): Surroundings => ({
  hostname: hostname(),
  pid: process.pid,
  addresses: Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter((one) => one.family === "IPv4" && !one.internal)
    .map((one) => one.address),
  servers: resolver.getServers(),
  namesOf: (address) => resolver.resolvePtr(`${address.split(".").toReversed().join(".")}.in-addr.arpa`),
});

/**
 * Under which name a process holds a Lease. In a container it is the container's, as the engine's DNS tells it: no two containers
 * have it at a time, so one that replaces another is the same holder and goes on at once, where a new name (the host's is the
 * container's id) would have to wait until the Lease of its predecessor ends. Elsewhere it is the host's: another DNS may well have
 * one name for many, and two processes of one name would both lead.
 */
export async function leaseIdentity(own: Surroundings = here()): Promise<string> {
  const addresses = own.servers.every((server) => server === ENGINE_DNS) ? own.addresses : [];
  const answers = await Promise.all(addresses.map((address) => own.namesOf(address).catch(() => [])));
  // `<container>.<network>`, each of which may have dots of its own; which network comes first is chance.
  const [container] = answers.flat().filter(Boolean).toSorted();
  return `${container ?? own.hostname}_${own.pid}`;
}
