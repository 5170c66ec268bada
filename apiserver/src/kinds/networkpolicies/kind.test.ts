import { expect, test } from "vitest";
import { created, refusals, row } from "../kind.test-support.ts";
import { networkPolicies } from "./kind.ts";

test("defaults", () => {
  expect(created(networkPolicies, { spec: { ingress: [{ ports: [{ port: 80 }] }] } })["spec"]).toEqual({
    podSelector: {},
    policyTypes: ["Ingress"],
    ingress: [{ ports: [{ port: 80, protocol: "TCP" }] }],
  });
  expect(created(networkPolicies, { spec: { egress: [{}] } })["spec"]).toMatchObject({
    policyTypes: ["Ingress", "Egress"],
  });
});

test("refusals", () => {
  const from = [
    {},
    {
      ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16", "192.168.0.0/16", "10.0.0.0/8"] },
      podSelector: {},
    },
  ];
  const ports = [{ port: "http", endPort: 90 }, { port: 100, endPort: 90 }, { endPort: 90 }];
  expect(
    refusals(networkPolicies, { spec: { ingress: [{ from, ports }], policyTypes: ["Sideways"] } }),
  ).toEqual([
    "spec.ingress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
    "spec.ingress[0].ports[1].endPort: Invalid value: 100: must be greater than or equal to `port`",
    "spec.ingress[0].ports[2].endPort: Invalid value: 90: may not be specified when `port` is not specified",
    "spec.ingress[0].from[0]: Required value: must specify a peer",
    'spec.ingress[0].from[1].ipBlock.except[1]: Invalid value: "192.168.0.0/16": must be a strict subset of `cidr`',
    'spec.ingress[0].from[1].ipBlock.except[2]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
    "spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer",
    'spec.policyTypes[0]: Unsupported value: "Sideways": supported values: "Ingress", "Egress"',
  ]);
});

test("a line", () => {
  expect(row(networkPolicies, { spec: { podSelector: { matchLabels: { a: "b" } } } })).toMatchObject({
    "POD-SELECTOR": "a=b",
  });
  expect(row(networkPolicies, { spec: {} })).toMatchObject({ "POD-SELECTOR": "<none>" });
});
