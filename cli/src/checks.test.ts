import { expect, test } from "vitest";
import { overlap } from "./checks.ts";

test.each([
  ["172.30.0.0/24", "172.30.0.0/16", true],
  ["172.30.0.0/16", "172.30.9.0/24", true],
  ["172.30.0.0/24", "172.30.1.0/24", false],
  ["172.17.0.0/16", "172.30.0.0/24", false],
  ["fd00::/64", "172.30.0.0/24", false],
])("%s and %s share addresses: %s", (a, b, shared) => {
  expect(overlap(a, b)).toBe(shared);
});
