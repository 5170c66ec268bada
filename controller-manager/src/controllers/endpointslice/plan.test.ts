import fc from "fast-check";
import { expect, test } from "vitest";
import type { Endpoint, EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import { groupByPorts, planSlices } from "./plan.ts";

const endpoint = (n: number, ready = true): Endpoint => ({
  addresses: [`10.0.${n >> 8}.${n & 255}`],
  conditions: { ready },
  targetRef: { kind: "Pod", uid: `u${n}` },
});
const http = [{ name: "http", port: 80, protocol: "TCP" }];
const slice = (name: string, ns: readonly number[]): EndpointSlice => ({
  metadata: { name, uid: name },
  addressType: "IPv4",
  endpoints: ns.map((n) => endpoint(n)),
  ports: http,
});
const wanted = (ns: readonly number[]) =>
  groupByPorts(ns.map((n) => ({ ports: http, endpoint: endpoint(n) })));

/** The slices after the plan is carried out. */
function carriedOut(existing: readonly EndpointSlice[], plan: ReturnType<typeof planSlices>): Endpoint[][] {
  const updated = new Map(plan.update.map((s) => [s.metadata.uid, s]));
  return [
    ...existing
      .filter((s) => !plan.remove.includes(s))
      .map((s) => [...(updated.get(s.metadata.uid)?.endpoints ?? s.endpoints ?? [])]),
    ...plan.create.map((g) => [...g.endpoints]),
  ];
}

test("whatever was there, afterwards every endpoint is in exactly one slice and no slice is too full", () => {
  const some = fc.uniqueArray(fc.nat(60), { maxLength: 40 });
  fc.assert(
    fc.property(some, some, fc.integer({ min: 1, max: 10 }), (before, after, max) => {
      const existing: EndpointSlice[] = [];
      for (let i = 0; i < before.length; i += max) existing.push(slice(`s${i}`, before.slice(i, i + max)));
      const result = carriedOut(existing, planSlices(existing, wanted(after), max));
      for (const endpoints of result) {
        expect(endpoints.length).toBeGreaterThan(0);
        expect(endpoints.length).toBeLessThanOrEqual(max);
      }
      const uids = result.flat().map((e) => e.targetRef?.uid ?? "");
      expect(uids).toHaveLength(after.length);
      expect(new Set(uids)).toEqual(new Set(after.map((n) => `u${n}`)));
    }),
  );
});

test("nothing changes when nothing has to", () => {
  const existing = [slice("a", [1, 2]), slice("b", [3])];
  expect(planSlices(existing, wanted([3, 2, 1]), 100)).toEqual({ create: [], update: [], remove: [] });
});

test("one new endpoint is one write, into the fullest slice with room", () => {
  const existing = [slice("a", [1, 2, 3]), slice("b", [4, 5])];
  const plan = planSlices(existing, wanted([1, 2, 3, 4, 5, 6]), 3);
  expect(plan.create).toHaveLength(0);
  expect(plan.update.map((s) => s.metadata.name)).toEqual(["b"]);
});

test("pods whose named port differs are in slices of their own", () => {
  const groups = groupByPorts([
    { ports: http, endpoint: endpoint(1) },
    { ports: [{ name: "http", port: 8080, protocol: "TCP" }], endpoint: endpoint(2) },
  ]);
  expect(planSlices([], groups, 100).create.map((g) => g.ports[0]?.port)).toEqual([80, 8080]);
});
