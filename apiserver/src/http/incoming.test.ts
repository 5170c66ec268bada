import { expect, test } from "vitest";
import { plainAddress } from "./incoming.ts";

test("an IPv4 client of a socket for both families is named by its IPv4 address", () => {
  expect(["::ffff:10.0.0.7", "10.0.0.7", "2001:db8::7", "::ffff:1"].map(plainAddress)).toEqual([
    "10.0.0.7",
    "10.0.0.7",
    "2001:db8::7",
    "::ffff:1",
  ]);
});
