/** IPv4 ranges. */
export interface Cidr {
  readonly base: number;
  readonly bits: number;
}

export const parseAddress = (text: string): number =>
  text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
export const printAddress = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

/** @throws Error when the text is not an IPv4 range. */
export function parseCidr(text: string): Cidr {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(text);
  const bits = Number(match?.[2]);
  if (!match || bits > 32) throw new Error(`not an IPv4 range: ${text}`);
  const size = 2 ** (32 - bits);
  return { base: Math.floor(parseAddress(match[1] ?? "") / size) * size, bits };
}
export const cidrSize = (cidr: Cidr): number => 2 ** (32 - cidr.bits);
export const cidrContains = (cidr: Cidr, address: string): boolean => {
  const n = parseAddress(address);
  return n >= cidr.base && n < cidr.base + cidrSize(cidr);
};
/** The first address of a node's range is the node's own, on the bridge. */
export const gatewayOf = (cidr: Cidr): string => printAddress(cidr.base + 1);
