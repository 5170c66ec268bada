import { isIPv4, isIPv6 } from "node:net";
import type { StringRule } from "./names.ts";

export type IPFamily = "IPv4" | "IPv6";

export const familyOf = (address: string): IPFamily | undefined =>
  isIPv4(address) ? "IPv4" : isIPv6(address) && !address.includes("%") ? "IPv6" : undefined;

export const ipAddress: StringRule = (value) =>
  familyOf(value) ? [] : ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"];

export const cidr: StringRule = (value) =>
  parseCIDR(value) ? [] : ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"];

/** An address as a number: what ranges and bands are computed with. */
export function addressToNumber(address: string): bigint {
  if (isIPv4(address)) return address.split(".").reduce((n, part) => n * 256n + BigInt(part), 0n);
  return groupsOf(address).reduce((n, group) => n * 65536n + BigInt(group), 0n);
}

function groupsOf(address: string): number[] {
  let text = address.split("%")[0] ?? "";
  const tail = /(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (tail) {
    const n = Number(addressToNumber(tail));
    text = `${text.slice(0, -tail.length)}${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}`;
  }
  const [head = "", rest] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = rest === undefined || rest === "" ? [] : rest.split(":");
  const zeros = rest === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill("0"), ...right].map((g) => parseInt(g, 16));
}

/** The canonical text of an address: for IPv6 lower case, the longest run of zeros compressed. */
export function numberToAddress(n: bigint, family: IPFamily): string {
  if (family === "IPv4") return [24n, 16n, 8n, 0n].map((shift) => (n >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => Number((n >> BigInt(112 - 16 * i)) & 0xffffn));
  const run = longestZeroRun(groups);
  const hex = (part: number[]): string => part.map((g) => g.toString(16)).join(":");
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

export const canonicalAddress = (address: string): string => {
  const family = familyOf(address);
  return family ? numberToAddress(addressToNumber(address), family) : address;
};

export interface AddressRange {
  readonly family: IPFamily;
  /** First address of the range and how many it has. */
  readonly base: bigint;
  readonly size: bigint;
  readonly bits: number;
  /** The address as written was the first of the range. */
  readonly exact: boolean;
}

export function parseCIDR(text: string): AddressRange | undefined {
  const match = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const address = match?.[1] ?? "";
  const family = familyOf(address);
  const width = family === "IPv4" ? 32 : 128;
  const bits = Number(match?.[2]);
  if (!family || Number.isNaN(bits) || bits > width) return undefined;
  const size = 1n << BigInt(width - bits);
  const n = addressToNumber(address);
  const base = n - (n % size);
  return { family, base, size, bits, exact: n === base };
}

export const rangeContains = (range: AddressRange, address: string): boolean => {
  if (familyOf(address) !== range.family) return false;
  const n = addressToNumber(address);
  return n >= range.base && n < range.base + range.size;
};
