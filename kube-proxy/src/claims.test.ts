import { expect, test } from "vitest";
import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import { createClaims } from "./claims.ts";
import { emptyFragment, type Fragment } from "./rules.ts";

const entry = "10.96.0.7 . udp . 53";
const service = (clusterIP: string, creationTimestamp: string): Service => ({
  metadata: { creationTimestamp },
  spec: { clusterIP, clusterIPs: [clusterIP] },
});
const wanted: Fragment = {
  ...emptyFragment,
  services: new Map([[entry, "goto x"]]),
  udpFlows: new Map([["10.96.0.7 53", new Set<string>()]]),
};
const has = (fragment: Fragment): boolean => fragment.services.has(entry);

test("a cluster address stays with who has it, whoever else names it first; others go by age", () => {
  const claims = createClaims();
  expect([...claims.claim("a/old", service("10.96.0.1", "2026-01-01"), wanted)]).toEqual([]);
  expect([...claims.claim("a/new", service("10.96.0.2", "2026-01-02"), wanted)]).toEqual(["a/old"]);
  expect([has(claims.granted("a/old", wanted)), has(claims.granted("a/new", wanted))]).toEqual([true, false]);
  expect([...claims.claim("z/owner", service("10.96.0.7", "2026-01-03"), wanted)]).toEqual([
    "a/old",
    "a/new",
  ]);
  expect(claims.granted("z/owner", wanted)).toBe(wanted);
  const rest = claims.granted("a/old", wanted);
  expect([has(rest), rest.udpFlows.size]).toEqual([false, 0]);
});

test("who goes tells whom it leaves its addresses to", () => {
  const claims = createClaims();
  claims.claim("a/old", service("10.96.0.1", "2026-01-01"), wanted);
  claims.claim("a/new", service("10.96.0.2", "2026-01-02"), wanted);
  expect([...claims.claim("a/old", undefined, emptyFragment)]).toEqual(["a/new"]);
  expect(claims.granted("a/new", wanted)).toBe(wanted);
});
