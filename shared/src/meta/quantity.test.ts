import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  formatResourceAmount,
  parseQuantity,
  quantityMillis,
  quantityValue,
  resourceAmount,
  subtractQuantities,
  tryParseQuantity,
} from "./quantity.ts";

describe("the canonical form", () => {
  it.each([
    ["0", "0"],
    ["0n", "0"],
    ["0Ki", "0"],
    ["1", "1"],
    ["100m", "100m"],
    ["0.1", "100m"],
    ["1.5", "1500m"],
    ["1000m", "1"],
    ["1000", "1k"],
    ["1500k", "1500k"],
    ["1024Mi", "1Gi"],
    ["1.5Gi", "1536Mi"],
    ["0.5Ki", "512"],
    ["1Ki", "1Ki"],
    ["1023Ki", "1023Ki"],
    ["0.1Ki", "102400m"],
    ["2e3", "2e3"],
    ["2000e0", "2e3"],
    ["1E", "1E"],
    ["1E3", "1e3"],
    ["12e-3", "12e-3"],
    ["1u", "1u"],
    ["1n", "1n"],
    ["0.1n", "1n"],
    ["1.1n", "2n"],
    [".5", "500m"],
    ["5.", "5"],
    ["+5", "5"],
    ["-5k", "-5k"],
    ["-1.5", "-1500m"],
    ["100E", "9223372036854775807"],
    ["1e400", "9223372036854775807"],
    ["1e-400", "1e-9"],
  ])("of %s is %s", (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });
});

it.each(["", " ", "1 ", "1x", "m", "1.2.3", "--1", "1KI", "1mi", "0x1", "1e", "1e1.5", "1Kii", "NaN", "∞"])(
  "refuses %j",
  (text) => {
    expect(tryParseQuantity(text)).toBeUndefined();
  },
);

it("formats so that parsing gives the same amount, and formatting again the same text", () => {
  const suffix = fc.constantFrom("", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "Ti", "e3", "e-3", "E2");
  fc.assert(
    fc.property(
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      fc.nat(999),
      suffix,
      (whole, fraction, s) => {
        const q = parseQuantity(`${whole}.${fraction}${s}`);
        const text = formatQuantity(q);
        expect(parseQuantity(text).nanos).toBe(q.nanos);
        expect(canonicalQuantity(text)).toBe(text);
      },
    ),
  );
});

it("adds, subtracts and compares exactly", () => {
  const [a, b] = [parseQuantity("0.1"), parseQuantity("0.2")];
  expect(formatQuantity(addQuantities(a, b))).toBe("300m");
  expect(compareQuantities(addQuantities(a, b), parseQuantity("0.3"))).toBe(0);
  expect(formatQuantity(subtractQuantities(parseQuantity("1Gi"), parseQuantity("1Mi")))).toBe("1023Mi");
  expect(formatQuantity(subtractQuantities(a, b))).toBe("-100m");
});

it("rounds up to whole units and millis", () => {
  expect([quantityValue(parseQuantity("1100m")), quantityMillis(parseQuantity("1.0001"))]).toEqual([2, 1001]);
  expect([
    resourceAmount("cpu", "250m"),
    resourceAmount("memory", "1Ki"),
    resourceAmount("pods", "110"),
  ]).toEqual([250, 1024, 110]);
  expect([formatResourceAmount("cpu", 1500), formatResourceAmount("memory", 2 ** 30)]).toEqual([
    "1500m",
    "1Gi",
  ]);
});
