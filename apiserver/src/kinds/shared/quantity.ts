import {
  addQuantities as add,
  formatQuantity,
  tryParseQuantity,
  zeroQuantity,
} from "@coracle/shared/meta/quantity.ts";
import type { Path } from "../../registry/field.ts";

const one = 1_000_000_000n;
const milli = one / 1000n;

/** The amount in billionths; 0 for what is absent or not a quantity (decoding refuses the latter). */
export const nano = (text: string | number | undefined): bigint =>
  text === undefined ? 0n : (tryParseQuantity(text)?.nanos ?? 0n);

export const isWhole = (text: string): boolean => nano(text) % one === 0n;

/** The canonical text, or the text itself when it is not a quantity. */
export function canonical(text: string): string {
  const quantity = tryParseQuantity(text);
  return quantity ? formatQuantity(quantity) : text;
}

/** Rounds up to thousandths and prints canonically: what a resource list is stored as. */
export function canonicalMilli(text: string): string {
  const quantity = tryParseQuantity(text);
  if (!quantity) return text;
  const rest = quantity.nanos % milli;
  const up = rest === 0n ? quantity.nanos : quantity.nanos - rest + (quantity.nanos > 0n ? milli : 0n);
  return formatQuantity({ ...quantity, nanos: up });
}

/** Sums quantities; the result prints in the form of the first one that is not zero. */
export function addQuantities(texts: readonly (string | undefined)[]): string {
  const parsed = texts.flatMap((text) => (text === undefined ? [] : (tryParseQuantity(text) ?? [])));
  return formatQuantity(parsed.reduce(add, zeroQuantity));
}

/** Says so when an amount of bytes is no whole number. */
export const fractionWarning = (value: string | undefined, at: Path): string[] =>
  value === undefined || isWhole(value)
    ? []
    : [
        `${at.text}: fractional byte value ${JSON.stringify(canonical(value))} is invalid, must be an integer`,
      ];
