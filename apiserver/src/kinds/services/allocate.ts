import { randomInt } from "node:crypto";
import type { Service, ServiceSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { internalError, invalid } from "@coracle/shared/errors.ts";
import { invalidValue, path, type FieldError } from "../../registry/field.ts";
import type { Allocation, WriteContext } from "../../registry/kind.ts";
import {
  addressToNumber,
  canonicalAddress,
  familyOf,
  numberToAddress,
  rangeContains,
} from "../shared/net.ts";
import { isHeadless, needsClusterIP, needsHealthCheckNodePort, needsNodePort } from "./defaults.ts";
import { addressBand, nodePortBand, serviceRanges, type Band } from "./ranges.ts";
import {
  isAbandoned,
  remove,
  reservationKey,
  reservationsOf,
  reserve,
  unreserve,
  type Item,
  type Owner,
  type Reserved,
} from "./reservations.ts";

/** One write's reservations: those it made, and those that it will no longer need. */
class Claims {
  readonly made: Item[] = [];
  readonly #ctx: WriteContext;
  readonly #owner: Owner;
  readonly #held: ReadonlySet<string>;
  constructor(ctx: WriteContext, owner: Owner, held: ReadonlySet<string>) {
    this.#ctx = ctx;
    this.#owner = owner;
    this.#held = held;
  }

  /** The Service had it before this write. */
  holds(what: Reserved, name: string): boolean {
    return this.#held.has(`${what}/${name}`);
  }

  /** @returns false when somebody else has it. What this Service holds already it may keep. */
  async claim(what: Reserved, name: string): Promise<boolean> {
    if (this.holds(what, name) || this.made.some((i) => i.what === what && i.name === name)) return true;
    if (this.#ctx.dryRun) {
      if (this.#isCached(what, name)) return false;
    } else if (!(await this.#reserve(what, name))) return false;
    this.made.push({ what, name });
    return true;
  }

  async #reserve(what: Reserved, name: string): Promise<boolean> {
    if (await reserve(what, name, this.#owner, this.#ctx)) return true;
    const stored = await this.#ctx.store.get(reservationKey(what, name));
    if (stored && !(await isAbandoned(stored, this.#ctx))) return false;
    if (stored) await remove(stored, this.#ctx);
    return reserve(what, name, this.#owner, this.#ctx);
  }

  /** The first free number at or after a random place, first in the dynamic part of the band, then in the rest. */
  async claimNext(what: Reserved, band: Band, nameOf: (n: bigint) => string): Promise<string | undefined> {
    const parts = [
      [band.dynamicFrom, band.last],
      [band.first, band.dynamicFrom - 1n],
    ] as const;
    for (const [first, last] of parts) {
      const size = last - first + 1n;
      if (size <= 0n) continue;
      const start = randomBelow(size);
      for (let i = 0n; i < size; i++) {
        const name = nameOf(first + ((start + i) % size));
        if (this.#isCached(what, name)) continue;
        if (await this.claim(what, name)) return name;
      }
    }
    return undefined;
  }

  #isCached(what: Reserved, name: string): boolean {
    return this.#ctx.lookup(reservationKey(what, name).resource, "", name) !== undefined;
  }

  async release(items: readonly Item[]): Promise<void> {
    if (this.#ctx.dryRun) return;
    for (const { what, name } of items) await unreserve(what, name, this.#owner, this.#ctx);
  }
}

const randomBelow = (size: bigint): bigint => BigInt(randomInt(Number(size < 2n ** 32n ? size : 2n ** 32n)));

/** Reserves a Service's addresses and ports and writes them into its spec. */
export async function allocateService(
  service: Service,
  old: Service | undefined,
  ctx: WriteContext,
): Promise<Allocation> {
  const before = reservationsOf(old?.spec);
  const owner = { namespace: service.metadata.namespace ?? "", name: service.metadata.name ?? "" };
  const claims = new Claims(ctx, owner, new Set(before.map((i) => `${i.what}/${i.name}`)));
  const spec = (service.spec ??= {});
  try {
    const errors = [
      ...(await claimAddresses(spec, claims, ctx)),
      ...(await claimNodePorts(spec, claims)),
      ...(await claimHealthCheckPort(spec, claims)),
    ];
    if (errors.length > 0) throw invalid("", "Service", owner.name, errors);
  } catch (error) {
    await claims.release(claims.made);
    throw error;
  }
  const kept = new Set(reservationsOf(spec).map((i) => `${i.what}/${i.name}`));
  const obsolete = before.filter((i) => !kept.has(`${i.what}/${i.name}`));
  return {
    commit: () => claims.release(obsolete),
    rollback: () => claims.release(claims.made),
  };
}

/** The Service has gone: its addresses and ports are free. */
export async function releaseService(service: Service, ctx: WriteContext): Promise<void> {
  const owner = { namespace: service.metadata.namespace ?? "", name: service.metadata.name ?? "" };
  for (const { what, name } of reservationsOf(service.spec)) await unreserve(what, name, owner, ctx);
}

async function claimAddresses(spec: ServiceSpec, claims: Claims, ctx: WriteContext): Promise<FieldError[]> {
  if (!needsClusterIP(spec) || isHeadless(spec)) return [];
  const wanted = spec.clusterIPs ?? [];
  const at = path("spec", "clusterIPs");
  for (const ip of wanted) {
    const problem = claims.holds("address", canonicalAddress(ip))
      ? undefined
      : await claimAddress(ip, claims, ctx);
    if (problem) return [invalidValue(at, wanted, `failed to allocate IP ${ip}: ${problem}`)];
  }
  if (wanted.length > 0) return [];
  for (const range of serviceRanges(ctx, "IPv4")) {
    const ip = await claims.claimNext("address", addressBand(range), (n) => numberToAddress(n, range.family));
    if (!ip) continue;
    spec.clusterIP = ip;
    spec.clusterIPs = [ip];
    return [];
  }
  throw internalError("failed to allocate a serviceIP: range is full");
}

async function claimAddress(ip: string, claims: Claims, ctx: WriteContext): Promise<string | undefined> {
  const problem = outOfRange(ip, ctx);
  if (problem) return problem;
  return (await claims.claim("address", canonicalAddress(ip)))
    ? undefined
    : "provided IP is already allocated";
}

function outOfRange(ip: string, ctx: WriteContext): string | undefined {
  const family = familyOf(ip);
  const range = family && serviceRanges(ctx, family).find((r) => rangeContains(r, ip));
  if (!range) return "the provided network does not match the current range";
  const band = addressBand(range);
  const n = addressToNumber(ip);
  if (n >= band.first && n <= band.last) return undefined;
  const text = `${numberToAddress(range.base, range.family)}/${range.bits}`;
  return `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${text}`;
}

async function claimPort(port: number, claims: Claims): Promise<string | undefined> {
  if (BigInt(port) < nodePortBand.first || BigInt(port) > nodePortBand.last)
    return `provided port is not in the valid range. The range of valid ports is ${nodePortBand.first}-${nodePortBand.last}`;
  return (await claims.claim("nodePort", String(port))) ? undefined : "provided port is already allocated";
}

async function nextPort(claims: Claims): Promise<number> {
  const name = await claims.claimNext("nodePort", nodePortBand, String);
  if (!name) throw internalError("failed to allocate a nodePort: range is full");
  return Number(name);
}

/** Explicit ports first, so that an automatic choice never takes one of them. The same port number over another protocol shares its node port. */
async function claimNodePorts(spec: ServiceSpec, claims: Claims): Promise<FieldError[]> {
  if (!needsNodePort(spec)) return [];
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  for (const [i, port] of ports.entries()) {
    if (!port.nodePort) continue;
    const problem = await claimPort(port.nodePort, claims);
    if (problem)
      errors.push(invalidValue(path("spec", "ports").index(i).child("nodePort"), port.nodePort, problem));
  }
  if (errors.length > 0) return errors;
  for (const port of ports) {
    if (port.nodePort) continue;
    const twin = ports.find((p) => p.port === port.port && p.protocol !== port.protocol && p.nodePort);
    port.nodePort = twin?.nodePort ?? (await nextPort(claims));
  }
  return [];
}

async function claimHealthCheckPort(spec: ServiceSpec, claims: Claims): Promise<FieldError[]> {
  if (!needsHealthCheckNodePort(spec)) return [];
  if (!spec.healthCheckNodePort) {
    spec.healthCheckNodePort = await nextPort(claims);
    return [];
  }
  const port = spec.healthCheckNodePort;
  const problem = await claimPort(port, claims);
  if (!problem) return [];
  return [
    invalidValue(
      path("spec", "healthCheckNodePort"),
      port,
      `failed to allocate requested HealthCheck NodePort ${port}: ${problem}`,
    ),
  ];
}
