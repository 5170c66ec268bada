import fc from "fast-check";
import { expect, test } from "vitest";
import { semanticEqual } from "../canonical.ts";
import { hashOf } from "./hash.ts";

test("a hash is a fit part of a name, does not depend on the order of keys, and on absent fields", () => {
  const value = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(value, (v) => {
      const turned = Object.fromEntries(Object.entries(v).toReversed());
      expect(hashOf({ ...turned, none: undefined })).toBe(hashOf(v));
      expect(hashOf(v)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
    }),
  );
});

test("another collision count makes another name", () => {
  expect(hashOf({ a: 1 }, 1)).not.toBe(hashOf({ a: 1 }));
});

test("an empty object is a choice, an empty list is none", () => {
  expect(semanticEqual({ emptyDir: {} }, {})).toBe(false);
  expect(semanticEqual({ args: [] }, {})).toBe(true);
});
