import { expect, test } from "vitest";
import { csiDrivers } from "./csidrivers/kind.ts";
import { flowSchemas } from "./flowschemas/kind.ts";
import { ipAddresses } from "./ipaddresses/kind.ts";
import { created, refusals, row, updateRefusals } from "./kind.test-support.ts";
import { podDisruptionBudgets } from "./poddisruptionbudgets/kind.ts";
import { priorityClasses } from "./priorityclasses/kind.ts";
import { priorityLevelConfigurations } from "./prioritylevelconfigurations/kind.ts";
import { serviceCIDRs } from "./servicecidrs/kind.ts";
import { leases } from "./leases/kind.ts";

test("leases last", () => {
  expect(
    refusals(leases, { spec: { leaseDurationSeconds: 0, leaseTransitions: -1, preferredHolder: "x" } }),
  ).toEqual([
    "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
    "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
    "spec.preferredHolder: Forbidden: preferredHolder can only be specified when strategy is defined",
  ]);
  expect(row(leases, { spec: { holderIdentity: "node-1" } })).toMatchObject({ HOLDER: "node-1" });
});

test("priority classes leave the highest to the system, and keep their value", () => {
  expect(created(priorityClasses, {})).toMatchObject({ value: 0, preemptionPolicy: "PreemptLowerPriority" });
  expect(refusals(priorityClasses, { value: 1_000_000_001 })).toEqual([
    "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
  ]);
  expect(refusals(priorityClasses, { metadata: { name: "system-mine" } })).toEqual([
    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
  ]);
  expect(
    refusals(priorityClasses, { metadata: { name: "system-node-critical" }, value: 2_000_001_000 }),
  ).toEqual([]);
  const change = (cls: object): object => Object.assign(cls, { value: 7, preemptionPolicy: "Never" });
  expect(updateRefusals(priorityClasses, {}, change as never)).toEqual([
    "value: Forbidden: may not be changed in an update.",
    'preemptionPolicy: Invalid value: "Never": field is immutable',
  ]);
});

test("disruption budgets say one thing", () => {
  const spec = { minAvailable: "110%", maxUnavailable: 1, unhealthyPodEvictionPolicy: "Never" };
  expect(refusals(podDisruptionBudgets, { spec })).toEqual([
    `spec: Invalid value: ${JSON.stringify(spec)}: minAvailable and maxUnavailable cannot be both set`,
    'spec.minAvailable: Invalid value: "110%": must not be greater than 100%',
    'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
  ]);
  expect(
    row(podDisruptionBudgets, { spec: { minAvailable: "50%" }, status: { disruptionsAllowed: 2 } }),
  ).toMatchObject({
    "MIN AVAILABLE": "50%",
    "MAX UNAVAILABLE": "N/A",
    "ALLOWED DISRUPTIONS": 2,
  });
});

test("flow control objects are completed and checked", () => {
  const limited = { limitResponse: { type: "Queue", queuing: {} } };
  expect(created(priorityLevelConfigurations, { spec: { type: "Limited", limited } })["spec"]).toMatchObject({
    limited: {
      nominalConcurrencyShares: 30,
      lendablePercent: 0,
      limitResponse: { queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
    },
  });
  expect(refusals(priorityLevelConfigurations, { spec: { type: "Exempt", limited } })).toEqual([
    "spec.limited: Forbidden: must be nil if the type is not Limited",
  ]);
  expect(refusals(flowSchemas, { spec: { matchingPrecedence: 1, rules: [{}] } })).toEqual([
    "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
    "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
    "spec.rules[0].subjects: Required value: subjects must contain at least one value",
    "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
  ]);
});

test("addresses and ranges are canonical", () => {
  const parentRef = { resource: "services", namespace: "default", name: "web" };
  expect(refusals(ipAddresses, { metadata: { name: "10.96.0.9" }, spec: { parentRef } })).toEqual([]);
  expect(refusals(ipAddresses, { metadata: { name: "2001:DB8::1" }, spec: {} })).toEqual([
    'metadata.name: Invalid value: "2001:DB8::1": must be a valid IP address in canonical form',
    "spec.parentRef: Required value",
  ]);
  expect(row(ipAddresses, { spec: { parentRef } })).toMatchObject({ PARENTREF: "services/default/web" });
  expect(refusals(serviceCIDRs, { spec: { cidrs: ["10.0.0.1/8", "10.0.0.0/8"] } })).toEqual([
    'spec.cidrs[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
    'spec.cidrs: Invalid value: ["10.0.0.1/8","10.0.0.0/8"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96',
  ]);
});

test("CSI drivers are completed", () => {
  expect(created(csiDrivers, { spec: {} })["spec"]).toEqual({
    attachRequired: true,
    podInfoOnMount: false,
    storageCapacity: false,
    fsGroupPolicy: "ReadWriteOnceWithFSType",
    volumeLifecycleModes: ["Persistent"],
    requiresRepublish: false,
    seLinuxMount: false,
  });
});
