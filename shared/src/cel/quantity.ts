/** `quantity("1Gi")`: amounts that are compared and added exactly. */
import { canonicalQuantity } from "../meta/quantity.ts";
import type { Environment } from "./library.ts";

const suffixes: Readonly<Record<string, bigint>> = {
  n: 1n,
  u: 10n ** 3n,
  m: 10n ** 6n,
  "": 10n ** 9n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  Ki: 1024n * 10n ** 9n,
  Mi: 1024n ** 2n * 10n ** 9n,
  Gi: 1024n ** 3n * 10n ** 9n,
  Ti: 1024n ** 4n * 10n ** 9n,
  Pi: 1024n ** 5n * 10n ** 9n,
  Ei: 1024n ** 6n * 10n ** 9n,
};
const nano = 10n ** 9n;

export class Quantity {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** @throws Error when it is not a quantity */
export function parseQuantity(text: string): Quantity {
  const canonical = canonicalQuantity(text);
  const match = /^(-?\d+)(?:e(-?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(canonical);
  if (!match) throw new Error(`quantity parse error: ${text}`);
  const [, digits = "0", exponent, suffix = ""] = match;
  if (exponent === undefined) return new Quantity(BigInt(digits) * (suffixes[suffix] ?? nano));
  return new Quantity(BigInt(digits) * 10n ** BigInt(9 + Number(exponent)));
}

const isQuantity = (text: string): boolean => {
  try {
    parseQuantity(text);
    return true;
  } catch {
    return false;
  }
};

const compare = (a: Quantity, b: Quantity): bigint => (a.nanos < b.nanos ? -1n : a.nanos > b.nanos ? 1n : 0n);

export function registerQuantity(environment: Environment): void {
  const type = "kubernetes.Quantity";
  const plus = (a: Quantity, b: Quantity): Quantity => new Quantity(a.nanos + b.nanos);
  const minus = (a: Quantity, b: Quantity): Quantity => new Quantity(a.nanos - b.nanos);
  const whole = (n: bigint): Quantity => new Quantity(n * nano);
  environment
    .registerType(type, Quantity)
    .registerFunction(`quantity(string): ${type}`, parseQuantity)
    .registerFunction("isQuantity(string): bool", isQuantity)
    .registerFunction(`${type}.sign(): int`, (q: Quantity) => compare(q, new Quantity(0n)))
    .registerFunction(`${type}.isInteger(): bool`, (q: Quantity) => q.nanos % nano === 0n)
    .registerFunction(`${type}.asInteger(): int`, (q: Quantity) => {
      if (q.nanos % nano !== 0n) throw new Error("cannot convert value to integer");
      return q.nanos / nano;
    })
    .registerFunction(`${type}.asApproximateFloat(): double`, (q: Quantity) => Number(q.nanos) / 1e9)
    .registerFunction(`${type}.add(${type}): ${type}`, plus)
    .registerFunction(`${type}.add(int): ${type}`, (a: Quantity, n: bigint) => plus(a, whole(n)))
    .registerFunction(`${type}.sub(${type}): ${type}`, minus)
    .registerFunction(`${type}.sub(int): ${type}`, (a: Quantity, n: bigint) => minus(a, whole(n)))
    .registerFunction(`${type}.isGreaterThan(${type}): bool`, (a: Quantity, b: Quantity) => a.nanos > b.nanos)
    .registerFunction(`${type}.isLessThan(${type}): bool`, (a: Quantity, b: Quantity) => a.nanos < b.nanos)
    .registerFunction(`${type}.compareTo(${type}): int`, compare)
    .registerOperator(`${type} == ${type}`, (a: Quantity, b: Quantity) => a.nanos === b.nanos);
}
