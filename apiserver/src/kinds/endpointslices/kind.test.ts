import { expect, test } from "vitest";
import { endpoints } from "../endpoints/kind.ts";
import { created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { endpointSlices } from "./kind.ts";

const slice = {
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.244.0.5"] }, { addresses: ["10.244.1.5"] }],
  ports: [{ name: "http", port: 80 }],
};

test("slices: defaults, refusals and a line", () => {
  expect(created(endpointSlices, { ...slice, ports: [{ port: 80 }] })).toMatchObject({
    ports: [{ name: "", port: 80, protocol: "TCP" }],
  });
  expect(refusals(endpointSlices, slice)).toEqual([]);
  const bad = {
    addressType: "IPv4",
    endpoints: [{ addresses: ["fe80::1"] }, { addresses: ["127.0.0.1"] }, {}],
    ports: [{ port: 80 }, { port: 0 }],
  };
  expect(refusals(endpointSlices, bad)).toEqual([
    'endpoints[0].addresses[0]: Invalid value: "fe80::1": must be a valid IPv4 address',
    'endpoints[1].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    "endpoints[2].addresses: Required value: must contain at least 1 address",
    'ports[1].name: Duplicate value: ""',
    "ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
  ]);
  const change = (object: object): object => Object.assign(object, { addressType: "FQDN", endpoints: [] });
  expect(updateRefusals(endpointSlices, slice, change as never)).toEqual([
    'addressType: Invalid value: "FQDN": field is immutable',
  ]);
  expect(row(endpointSlices, slice)).toMatchObject({
    ADDRESSTYPE: "IPv4",
    PORTS: "80",
    ENDPOINTS: "10.244.0.5,10.244.1.5",
  });
  const many = Array.from({ length: 5 }, (_, i) => ({ addresses: [`10.244.0.${i}`] }));
  expect(row(endpointSlices, { endpoints: many })).toMatchObject({
    PORTS: "<unset>",
    ENDPOINTS: "10.244.0.0,10.244.0.1,10.244.0.2 + 2 more...",
  });
});

test("endpoints: refusals and a line", () => {
  expect(refusals(endpoints, { subsets: [{}] })).toEqual([
    "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
  ]);
  const subsets = [
    {
      addresses: [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }],
      ports: [
        { name: "a", port: 80 },
        { name: "b", port: 81 },
      ],
    },
  ];
  expect(refusals(endpoints, { subsets })).toEqual([]);
  expect(row(endpoints, { subsets })).toMatchObject({
    ENDPOINTS: "10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...",
  });
  expect(row(endpoints, {})).toMatchObject({ ENDPOINTS: "<none>" });
});

test("names and hints are judged too", () => {
  const zones = (...names: string[]) => ({ hints: { forZones: names.map((name) => ({ name })) } });
  const endpoints = [
    { addresses: ["example.com."], ...zones("a", "a") },
    { addresses: ["localhost"], hints: { forNodes: [{ name: "A" }] } },
    { addresses: ["x.example.com"], ...zones("1", "2", "3", "4", "5", "6", "7", "8", "9") },
  ];
  expect(refusals(endpointSlices, { addressType: "FQDN", endpoints })).toEqual([
    'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
    'endpoints[1].addresses[0]: Invalid value: "localhost": should be a domain with at least two segments separated by dots',
    expect.stringMatching(
      /^endpoints\[1\]\.hints\.forNodes\[0\]\.name: Invalid value: "A": a lowercase RFC 1123/,
    ),
    "endpoints[2].hints.forZones: Too many: 9: must have at most 8 items",
  ]);
});
