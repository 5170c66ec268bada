/**
 * Resource quantities (`100m`, `1.5Gi`, `2e3`): exact arithmetic and the canonical form, after the rules of apimachinery's resource.Quantity.
 * The smallest unit is a nano; anything finer rounds away from zero.
 */
export type QuantityFormat = "DecimalSI" | "BinarySI" | "DecimalExponent";

export interface Quantity {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

const NANO = 1_000_000_000n;
const MAX_NANOS = ((1n << 63n) - 1n) * NANO;
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const DECIMAL_BY_EXPONENT = new Map(Object.entries(DECIMAL).map(([suffix, exponent]) => [exponent, suffix]));
const FORM = /^([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?$/;
/** Beyond this power of ten every value is capped or rounds to the smallest unit: no need to compute it. */
const EXPONENT_LIMIT = 60;

export const quantityError =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const divideAwayFromZero = (value: bigint, divisor: bigint): bigint => (value + divisor - 1n) / divisor;

/** Undefined when the text is not a quantity. */
export function tryParseQuantity(text: string | number): Quantity | undefined {
  const match = FORM.exec(String(text));
  if (!match) return undefined;
  const [, sign = "", number = "0", suffix = ""] = match;
  const dot = number.indexOf(".");
  const digits = dot < 0 ? number : number.slice(0, dot) + number.slice(dot + 1);
  const fraction = dot < 0 ? 0 : number.length - dot - 1;
  const binary = BINARY.indexOf(suffix as (typeof BINARY)[number]);
  const si = DECIMAL[suffix];
  const exponent = si ?? (binary > 0 ? 0 : Number(suffix.slice(1)));
  const format: QuantityFormat = si !== undefined ? "DecimalSI" : binary > 0 ? "BinarySI" : "DecimalExponent";
  const magnitude = toNanos(
    BigInt(digits) << BigInt(binary > 0 ? 10 * binary : 0),
    exponent - fraction + 9,
    digits.length,
  );
  const capped = magnitude > MAX_NANOS ? MAX_NANOS : magnitude;
  return { nanos: sign === "-" ? -capped : capped, format };
}

/** mantissa × 10^power, rounded up to a whole number of nanos. */
function toNanos(mantissa: bigint, power: number, digits: number): bigint {
  if (mantissa === 0n) return 0n;
  if (power > EXPONENT_LIMIT) return MAX_NANOS;
  if (power >= 0) return mantissa * 10n ** BigInt(power);
  if (-power > EXPONENT_LIMIT + digits) return 1n;
  return divideAwayFromZero(mantissa, 10n ** BigInt(-power));
}

/** @throws Error with upstream's message when the text is not a quantity. */
export function parseQuantity(text: string | number): Quantity {
  const quantity = tryParseQuantity(text);
  if (!quantity) throw new Error(quantityError);
  return quantity;
}

/** The canonical form: no fraction, no loss, the largest suffix that allows both. */
export function formatQuantity(quantity: Quantity): string {
  const { nanos } = quantity;
  if (nanos === 0n) return "0";
  const sign = nanos < 0n ? "-" : "";
  const magnitude = nanos < 0n ? -nanos : nanos;
  const small = magnitude < 1024n * NANO;
  if (quantity.format === "BinarySI" && !small && magnitude % NANO === 0n)
    return sign + formatBinary(magnitude / NANO);
  let exponent = -9;
  let mantissa = magnitude;
  while (exponent < 18 && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (quantity.format === "DecimalExponent")
    return exponent === 0 ? `${sign}${mantissa}` : `${sign}${mantissa}e${exponent}`;
  return `${sign}${mantissa}${DECIMAL_BY_EXPONENT.get(exponent) ?? ""}`;
}

function formatBinary(value: bigint): string {
  let power = 0;
  let mantissa = value;
  while (power < BINARY.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    power += 1;
  }
  return `${mantissa}${BINARY[power] ?? ""}`;
}

/** `canonicalQuantity("1024Mi")` is `1Gi`. @throws Error when the text is not a quantity. */
export const canonicalQuantity = (text: string | number): string => formatQuantity(parseQuantity(text));

export const zeroQuantity: Quantity = { nanos: 0n, format: "DecimalSI" };

/** The sum has the format of the first operand, unless that is zero. */
export const addQuantities = (a: Quantity, b: Quantity): Quantity => ({
  nanos: a.nanos + b.nanos,
  format: a.nanos === 0n ? b.format : a.format,
});
export const subtractQuantities = (a: Quantity, b: Quantity): Quantity => ({
  nanos: a.nanos - b.nanos,
  format: a.nanos === 0n ? b.format : a.format,
});
export const compareQuantities = (a: Quantity, b: Quantity): -1 | 0 | 1 =>
  a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;

const scaled = (nanos: bigint, unit: bigint): number =>
  nanos >= 0n ? Number(divideAwayFromZero(nanos, unit)) : -Number(divideAwayFromZero(-nanos, unit));

/** Whole units, rounded away from zero. */
export const quantityValue = (quantity: Quantity): number => scaled(quantity.nanos, NANO);
/** Thousandths, rounded away from zero: millicores of a cpu quantity. */
export const quantityMillis = (quantity: Quantity): number => scaled(quantity.nanos, 1_000_000n);

/** From a count of bytes or other whole units. */
export const quantityOf = (value: number, format: QuantityFormat = "DecimalSI"): Quantity => ({
  nanos: BigInt(Math.trunc(value)) * NANO,
  format,
});
export const quantityOfMillis = (millis: number): Quantity => ({
  nanos: BigInt(Math.trunc(millis)) * 1_000_000n,
  format: "DecimalSI",
});

const amounts = new Map<string, number>();
const AMOUNTS_KEPT = 4096;

/**
 * A resource amount as a number for arithmetic in hot paths: millicores for cpu, whole units for everything else, rounded up.
 * Parsed forms are remembered, since a cluster uses few distinct ones.
 */
export function resourceAmount(resource: string, quantity: string | number): number {
  const memo = resource === "cpu" ? `m${quantity}` : `u${quantity}`;
  const known = amounts.get(memo);
  if (known !== undefined) return known;
  const parsed = parseQuantity(quantity);
  const amount = resource === "cpu" ? quantityMillis(parsed) : quantityValue(parsed);
  if (amounts.size >= AMOUNTS_KEPT) amounts.clear();
  amounts.set(memo, amount);
  return amount;
}

/** The inverse of {@link resourceAmount}: cpu from millicores, memory-like resources in binary form. */
export const formatResourceAmount = (resource: string, amount: number): string =>
  resource === "cpu"
    ? formatQuantity(quantityOfMillis(amount))
    : formatQuantity(quantityOf(amount, isByteResource(resource) ? "BinarySI" : "DecimalSI"));

const isByteResource = (resource: string): boolean =>
  resource === "memory" ||
  resource === "ephemeral-storage" ||
  resource === "storage" ||
  resource.startsWith("hugepages-");
