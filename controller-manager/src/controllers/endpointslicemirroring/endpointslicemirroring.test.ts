import { expect, test } from "vitest";
import { groupsOf } from "./endpointslicemirroring.ts";
import { repackSubsets } from "./repack.ts";

const address = (ip: string) => ({ ip });
const range = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => address(`10.${from}.${i >> 8}.${i & 255}`));

test("a thousand addresses of each subset are mirrored, in one slice each", () => {
  const { groups, skipped } = groupsOf([
    { addresses: range(1, 900), notReadyAddresses: range(2, 200), ports: [{ port: 80 }] },
    { addresses: range(3, 1000), ports: [{ port: 81 }] },
  ]);
  expect(groups.IPv4.map((g) => [g.ports[0]?.port, g.endpoints.length])).toEqual([
    [80, 1000],
    [81, 1000],
  ]);
  expect(groups.IPv4[0]?.endpoints.filter((e) => e.conditions?.ready)).toHaveLength(900);
  expect(skipped).toBe(100);
});

test("each address family has slices of its own", () => {
  const { groups } = groupsOf([
    { addresses: [address("10.0.0.1"), address("2001:db8::1")], ports: [{ port: 80 }] },
  ]);
  expect(groups.IPv4[0]?.endpoints.map((e) => e.addresses)).toEqual([["10.0.0.1"]]);
  expect(groups.IPv6[0]?.endpoints.map((e) => e.addresses)).toEqual([["2001:db8::1"]]);
});

test("ports that reach the same addresses stand together, and those that do not stand apart", () => {
  const [a, b] = [address("10.0.0.1"), address("10.0.0.2")];
  const shape = (subsets: Parameters<typeof repackSubsets>[0]) =>
    repackSubsets(subsets).map((s) => [
      s.ports.map((p) => p.port),
      s.ready.map((x) => x.ip),
      s.notReady.map((x) => x.ip),
    ]);
  expect(
    shape([
      { addresses: [a, b], ports: [{ port: 80 }] },
      { addresses: [b, a], ports: [{ port: 81 }] },
      { addresses: [a], ports: [{ port: 82 }] },
    ]),
  ).toEqual([
    [[80, 81], ["10.0.0.1", "10.0.0.2"], []],
    [[82], ["10.0.0.1"], []],
  ]);
  expect(
    shape([
      { notReadyAddresses: [a], ports: [{ port: 80 }] },
      { addresses: [a, b], ports: [{ port: 80 }] },
    ]),
  ).toEqual([[[80], ["10.0.0.2"], ["10.0.0.1"]]]);
  expect(shape([{ addresses: [a] }])).toEqual([[[], ["10.0.0.1"], []]]);
});
