import type { ServiceCIDR } from "@coracle/shared/api/generated/networking-v1.ts";
import type { WriteContext } from "../../registry/kind.ts";
import { parseCIDR, type AddressRange, type IPFamily } from "../shared/net.ts";

/** Numbers to hand out, `first` to `last`. Explicit wishes are met anywhere; automatic choices start at `dynamicFrom`, and go below only when the rest is full. */
export interface Band {
  readonly first: bigint;
  readonly last: bigint;
  readonly dynamicFrom: bigint;
}

const clamp = (n: bigint, low: bigint, high: bigint): bigint => (n < low ? low : n > high ? high : n);

/** 30000–32767; the lowest part is left for those who ask for a port. */
export const nodePortBand: Band = band(30_000n, 32_767n, (size) => clamp(size / 32n, 16n, 128n));

/** The network's own address is never used, nor the broadcast address of IPv4. */
export function addressBand(range: AddressRange): Band {
  const last = range.base + range.size - 1n;
  return band(range.base + 1n, range.family === "IPv4" ? last - 1n : last, () =>
    range.size < 16n ? 0n : clamp(range.size / 16n, 16n, 256n),
  );
}

function band(first: bigint, last: bigint, reserve: (size: bigint) => bigint): Band {
  const reserved = reserve(last - first + 1n);
  return { first, last, dynamicFrom: first + (reserved <= last - first ? reserved : 0n) };
}

export const serviceCIDRResource = "servicecidrs.networking.k8s.io";
/** Used until the ServiceCIDR named `kubernetes` exists. */
export const fallbackServiceCIDR = "10.96.0.0/16";

/** The ranges that Services may take addresses from now. */
export function serviceRanges(ctx: Pick<WriteContext, "all">, family: IPFamily): AddressRange[] {
  const texts: string[] = [];
  let any = false;
  for (const { object } of ctx.all(serviceCIDRResource)) {
    any = true;
    const range = object as unknown as ServiceCIDR;
    if (!range.metadata.deletionTimestamp && isReady(range)) texts.push(...(range.spec?.cidrs ?? []));
  }
  if (!any) texts.push(fallbackServiceCIDR);
  return texts.flatMap((text) => {
    const range = parseCIDR(text);
    return range?.family === family ? [range] : [];
  });
}

/** A range without the condition is usable: its controller may not run yet. */
const isReady = (range: ServiceCIDR): boolean =>
  (range.status?.conditions?.find((c) => c.type === "Ready")?.status ?? "True") === "True";
