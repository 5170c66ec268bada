/** The parts of an IPv4 range and who has them. Pure state, no I/O. */
export interface CidrSet {
  /** The part `owner` already has, or the next free one; undefined when all are taken. */
  allocate(owner: string): string | undefined;
  occupy(cidr: string, owner: string): void;
  release(cidr: string, owner: string): void;
}

const toNumber = (ip: string): number => ip.split(".").reduce((n, octet) => n * 256 + Number(octet), 0);
const toText = (n: number): string => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join(".");

export function createCidrSet(range: string, mask: number): CidrSet {
  const [base = "", size = ""] = range.split("/");
  const count = 2 ** (mask - Number(size));
  if (!(count >= 1)) throw new Error(`the pod network ${range} has no room for a /${mask}`);
  const first = toNumber(base);
  const step = 2 ** (32 - mask);
  const owners = new Map<string, string>();
  const byOwner = new Map<string, string>();
  let cursor = 0;
  const part = (index: number): string => `${toText(first + index * step)}/${mask}`;
  const occupy = (cidr: string, owner: string): void => {
    if (owners.has(cidr)) return;
    owners.set(cidr, owner);
    byOwner.set(owner, cidr);
  };
  return {
    occupy,
    allocate(owner) {
      const known = byOwner.get(owner);
      if (known !== undefined) return known;
      // Round robin: a range that was just released rests before it is used again.
      for (let i = 0; i < count; i++) {
        const cidr = part((cursor + i) % count);
        if (owners.has(cidr)) continue;
        cursor = (cursor + i + 1) % count;
        occupy(cidr, owner);
        return cidr;
      }
      return undefined;
    },
    release(cidr, owner) {
      if (owners.get(cidr) !== owner) return;
      owners.delete(cidr);
      byOwner.delete(owner);
    },
  };
}
