import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalQuantity } from "./quantity.ts";

describe("canonicalQuantity", () => {
  it.each([
    ["1000m", "1"],
    ["0.1", "100m"],
    ["1.5", "1500m"],
    ["1500m", "1500m"],
    ["1024Ki", "1Mi"],
    ["1536Mi", "1536Mi"],
    ["1.5Gi", "1536Mi"],
    ["512", "512"],
    ["1000", "1k"],
    ["1000Ki", "1000Ki"],
    ["0Gi", "0"],
    ["-1000m", "-1"],
    ["1e3", "1e3"],
    ["12E3", "12e3"],
    ["0.0000000001", "1n"],
    ["100Ki", "100Ki"],
    ["1023", "1023"],
    [1, "1"],
    ["0.5Ki", "512"],
    ["9223372036854775808", "9223372036854775807"],
  ])("writes %s as %s", (text, expected) => {
    expect(canonicalQuantity(text)).toBe(expected);
  });

  it.each(["", "abc", "1.2.3", "1Zi", ".", "1 Gi", "--1"])("refuses %j", (text) => {
    expect(() => canonicalQuantity(text)).toThrow("quantities must match the regular expression");
  });

  it("leaves a canonical quantity as it is", () => {
    const suffix = fc.constantFrom("", "m", "k", "Mi", "Gi", "e3", "n");
    fc.assert(
      fc.property(fc.integer(), suffix, (n, s) => {
        const once = canonicalQuantity(`${n}${s}`);
        expect(canonicalQuantity(once)).toBe(once);
      }),
    );
  });
});
