import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addressToNumber,
  canonicalAddress,
  cidr,
  ipAddress,
  numberToAddress,
  parseCIDR,
  rangeContains,
} from "./net.ts";

test("an address and its number are the same thing", () => {
  fc.assert(
    fc.property(fc.ipV4(), (ip) => {
      expect(numberToAddress(addressToNumber(ip), "IPv4")).toBe(ip);
    }),
  );
  fc.assert(
    fc.property(fc.bigInt(0n, (1n << 128n) - 1n), (n) => {
      expect(addressToNumber(numberToAddress(n, "IPv6"))).toBe(n);
    }),
  );
});

test.each([
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["::ffff:10.0.0.1", "::ffff:a00:1"],
  ["fe80:0:1:0:0:0:0:1", "fe80:0:1::1"],
  ["::", "::"],
  ["10.0.0.1", "10.0.0.1"],
])("%s is written %s", (given, canonical) => {
  expect(canonicalAddress(given)).toBe(canonical);
});

test.each(["1.2.3", "010.0.0.1", "1.2.3.4.5", "host", "", "fe80::1%eth0", "::1::"])(
  "%j is no address",
  (text) => {
    expect(ipAddress(text)).toEqual(["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]);
  },
);

test.each(["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "x/8"])("%j is no range", (text) => {
  expect(cidr(text)).toEqual(["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]);
});

test("a range knows its addresses", () => {
  const range = parseCIDR("10.96.7.9/16");
  expect(range).toMatchObject({ size: 65536n, bits: 16, exact: false, family: "IPv4" });
  expect(range && rangeContains(range, "10.96.255.255")).toBe(true);
  expect(range && rangeContains(range, "10.97.0.0")).toBe(false);
  expect(range && rangeContains(range, "::1")).toBe(false);
});
