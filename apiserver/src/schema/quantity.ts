/** Quantities in their canonical form, as upstream writes them back: `1000m` → `1`, `1024Ki` → `1Mi`, `0.1` → `100m`. */

const form = /^([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE]?)|[eE]([+-]?\d+))$/;
const decimalExponent: Record<string, number> = {
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
const binaryPower: Record<string, number> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };
const decimalSuffix = new Map(Object.entries(decimalExponent).map(([s, e]) => [e, s]));
const binarySuffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const nano = 1_000_000_000n;
/** Larger amounts are capped, as upstream's int64 does. */
const largest = (2n ** 63n - 1n) * nano;

const badNumber =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

export class QuantityError extends Error {}

const known = new Map<string, string>();

/** @throws QuantityError when the text is not a quantity */
export function canonicalQuantity(value: string | number): string {
  const text = typeof value === "number" ? String(value) : value;
  const cached = known.get(text);
  if (cached !== undefined) return cached;
  const canonical = canonicalize(text);
  // A cluster sees few distinct quantities; a client that sends many must not grow this.
  if (known.size >= 4096) known.clear();
  known.set(text, canonical);
  return canonical;
}

type Format = "decimal" | "binary" | "exponent";

function parse(text: string): { nanos: bigint; format: Format } {
  const match = form.exec(text);
  if (!match || (match[2] === "" && !match[3])) throw new QuantityError(badNumber);
  const [, sign, whole = "", fraction = "", binary, suffix, exponent] = match;
  const digits = BigInt(`${whole}${fraction}` || "0");
  let nanos: bigint;
  if (binary) {
    nanos = roundUp(digits * nano * 1024n ** BigInt(binaryPower[binary] ?? 0), fraction.length);
  } else {
    const power = exponent === undefined ? (decimalExponent[suffix ?? ""] ?? 0) : Number(exponent);
    if (Math.abs(power) > 1000) throw new QuantityError(badNumber);
    const shift = 9 + power - fraction.length;
    nanos = shift >= 0 ? digits * 10n ** BigInt(shift) : roundUp(digits, -shift);
  }
  if (nanos > largest) nanos = largest;
  return {
    nanos: sign === "-" ? -nanos : nanos,
    format: binary ? "binary" : exponent === undefined ? "decimal" : "exponent",
  };
}

/** Divides by a power of ten, away from zero: a non-zero amount never becomes zero. */
function roundUp(value: bigint, digits: number): bigint {
  if (digits === 0) return value;
  const divisor = 10n ** BigInt(digits);
  const quotient = value / divisor;
  return value % divisor === 0n ? quotient : quotient + 1n;
}

function canonicalize(text: string): string {
  const { nanos, format } = parse(text);
  if (nanos === 0n) return "0";
  const magnitude = nanos < 0n ? -nanos : nanos;
  if (format === "binary" && magnitude >= 1024n * nano && magnitude % nano === 0n) {
    let amount = nanos / nano;
    let power = 0;
    while (power < 6 && amount % 1024n === 0n) {
      amount /= 1024n;
      power++;
    }
    return `${amount}${binarySuffix[power]}`;
  }
  let amount = nanos;
  let exponent = -9;
  while (amount % 1000n === 0n && exponent < 18) {
    amount /= 1000n;
    exponent += 3;
  }
  if (format !== "exponent") return `${amount}${decimalSuffix.get(exponent)}`;
  return exponent === 0 ? String(amount) : `${amount}e${exponent}`;
}
