/** `ip("10.0.0.1")` and `cidr("10.0.0.0/8")`. */
import { BlockList, isIP } from "node:net";
import type { Environment } from "./library.ts";

class Ip {
  readonly text: string;
  readonly family: 4 | 6;
  constructor(text: string) {
    this.family = isIP(text) === 4 ? 4 : 6;
    this.text = canonical(text, this.family);
  }
}

class Cidr {
  readonly ip: Ip;
  readonly length: number;
  constructor(ip: Ip, length: number) {
    this.ip = ip;
    this.length = length;
  }
}

class IpFunctions {
  readonly name = "ip";
}

const typeOf = (ip: Ip): "ipv4" | "ipv6" => (ip.family === 4 ? "ipv4" : "ipv6");
/** IPv6 in its shortest form, as URLs have it. */
const canonical = (text: string, family: 4 | 6): string =>
  family === 4 ? text : new URL(`http://[${text}]`).hostname.slice(1, -1);

const isAddress = (text: string): boolean =>
  isIP(text) !== 0 && !text.includes("%") && !/^::ffff:[\d.]+$/i.test(text);

function parseIp(text: string): Ip {
  if (!isAddress(text))
    throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return new Ip(text);
}

const cidrForm = /^([^/]+)\/(0|[1-9]\d{0,2})$/;
const isCidr = (text: string): boolean => {
  const [, address = "", length = ""] = cidrForm.exec(text) ?? [];
  return isAddress(address) && Number(length) <= (isIP(address) === 4 ? 32 : 128);
};

function parseCidr(text: string): Cidr {
  const [, address = "", length = ""] = cidrForm.exec(text) ?? [];
  if (!isCidr(text)) throw new Error(`network address parse error during conversion from string: ${text}`);
  return new Cidr(new Ip(address), Number(length));
}

function inside(cidr: Cidr, ip: Ip): boolean {
  if (cidr.ip.family !== ip.family) return false;
  const list = new BlockList();
  list.addSubnet(cidr.ip.text, cidr.length, typeOf(cidr.ip));
  return list.check(ip.text, typeOf(ip));
}

const within = (ip: Ip, v4: readonly string[], v6: readonly string[]): boolean =>
  (ip.family === 4 ? v4 : v6).some((range) => inside(parseCidr(range), ip));

const isUnspecified = (ip: Ip): boolean => ip.text === "0.0.0.0" || ip.text === "::";
const isLoopback = (ip: Ip): boolean => within(ip, ["127.0.0.0/8"], ["::1/128"]);
const isLinkLocalUnicast = (ip: Ip): boolean => within(ip, ["169.254.0.0/16"], ["fe80::/10"]);
const isLinkLocalMulticast = (ip: Ip): boolean => within(ip, ["224.0.0.0/24"], ["ff02::/16"]);
const isMulticast = (ip: Ip): boolean => within(ip, ["224.0.0.0/4"], ["ff00::/8"]);
const isGlobalUnicast = (ip: Ip): boolean =>
  !(
    isUnspecified(ip) ||
    isLoopback(ip) ||
    isMulticast(ip) ||
    isLinkLocalUnicast(ip) ||
    ip.text === "255.255.255.255"
  );

/** The network's own address: bits beyond the prefix are zero. */
function masked({ ip, length }: Cidr): Cidr {
  const bytes = bytesOf(ip).map((byte, i) => {
    const bits = Math.max(0, Math.min(8, length - i * 8));
    return byte & (0xff << (8 - bits)) & 0xff;
  });
  return new Cidr(new Ip(textOf(bytes)), length);
}

function bytesOf(ip: Ip): number[] {
  if (ip.family === 4) return ip.text.split(".").map(Number);
  const [head = "", tail] = ip.text.split("::");
  const groups = (text: string | undefined): string[] => (text ? text.split(":") : []);
  const [left, right] = [groups(head), groups(tail)];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...right].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function textOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return groups.join(":");
}

const show = (cidr: Cidr): string => `${cidr.ip.text}/${cidr.length}`;
const containsCidr = (a: Cidr, b: Cidr): boolean => b.length >= a.length && inside(a, b.ip);

export function registerNetwork(environment: Environment): void {
  const ip = "net.IP";
  const cidr = "net.CIDR";
  environment
    .registerType(ip, Ip)
    .registerType(cidr, Cidr)
    .registerType("net.IPFunctions", IpFunctions)
    .registerConstant("ip", "net.IPFunctions", new IpFunctions())
    .registerFunction("net.IPFunctions.isCanonical(string): bool", (_: IpFunctions, text: string) => {
      return parseIp(text).text === text;
    })
    .registerFunction(`ip(string): ${ip}`, parseIp)
    .registerFunction("isIP(string): bool", isAddress)
    .registerFunction(`string(${ip}): string`, (a: Ip) => a.text)
    .registerFunction(`${ip}.family(): int`, (a: Ip) => BigInt(a.family))
    .registerFunction(`${ip}.isUnspecified(): bool`, isUnspecified)
    .registerFunction(`${ip}.isLoopback(): bool`, isLoopback)
    .registerFunction(`${ip}.isLinkLocalMulticast(): bool`, isLinkLocalMulticast)
    .registerFunction(`${ip}.isLinkLocalUnicast(): bool`, isLinkLocalUnicast)
    .registerFunction(`${ip}.isGlobalUnicast(): bool`, isGlobalUnicast)
    .registerOperator(`${ip} == ${ip}`, (a: Ip, b: Ip) => a.text === b.text)
    .registerFunction(`cidr(string): ${cidr}`, parseCidr)
    .registerFunction("isCIDR(string): bool", isCidr)
    .registerFunction(`string(${cidr}): string`, show)
    .registerFunction(`${cidr}.containsIP(${ip}): bool`, inside)
    .registerFunction(`${cidr}.containsIP(string): bool`, (c: Cidr, text: string) => inside(c, parseIp(text)))
    .registerFunction(`${cidr}.containsCIDR(${cidr}): bool`, containsCidr)
    .registerFunction(`${cidr}.containsCIDR(string): bool`, (c: Cidr, text: string) =>
      containsCidr(c, parseCidr(text)),
    )
    .registerFunction(`${cidr}.ip(): ${ip}`, (c: Cidr) => c.ip)
    .registerFunction(`${cidr}.masked(): ${cidr}`, masked)
    .registerFunction(`${cidr}.prefixLength(): int`, (c: Cidr) => BigInt(c.length))
    .registerOperator(`${cidr} == ${cidr}`, (a: Cidr, b: Cidr) => show(a) === show(b));
}
