import { expect, test } from "vitest";
import { created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { resourceSlices } from "./kind.ts";

const pool = { name: "n", generation: 1, resourceSliceCount: 1 };
const slice = (spec: object) => ({ spec: { driver: "a.example.com", pool, nodeName: "n", ...spec } });
const devices = (...devices: object[]) => slice({ devices });

test("a slice is of one driver, one pool, and reached in one way", () => {
  expect(refusals(resourceSlices, devices({ name: "d" }))).toEqual([]);
  const spec = {
    pool: { name: "A/b", generation: -1 },
    nodeName: "n",
    allNodes: true,
    perDeviceNodeSelection: false,
  };
  expect(refusals(resourceSlices, { spec })).toEqual([
    "spec.driver: Required value",
    expect.stringMatching(/^spec.pool.name: Invalid value: "A": a lowercase RFC 1123 subdomain/),
    "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
    "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero",
    "spec.perDeviceNodeSelection: Invalid value: false: must be either unset or set to true",
    'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
  ]);
  expect(refusals(resourceSlices, slice({ nodeName: undefined }))).toEqual([
    "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
  ]);
});

test("devices have names, attributes and capacities", () => {
  const device = {
    name: "d",
    attributes: {
      "": { bool: true },
      "-": {},
      a: { string: "x", int: 1 },
      v: { version: "1" },
      s: { string: "s".repeat(65) },
    },
    taints: [{ key: "k", effect: "Never" }],
    allNodes: true,
  };
  expect(refusals(resourceSlices, devices({ name: "D" }, device, { name: "d" }))).toEqual([
    expect.stringMatching(/^spec.devices\[0\].name: Invalid value: "D": a lowercase RFC 1123 label/),
    expect.stringMatching(/^spec.devices\[1\].attributes\[\]: Invalid value: "": a valid C identifier/),
    expect.stringMatching(/^spec.devices\[1\].attributes\[-\]: Invalid value: "-": a valid C identifier/),
    'spec.devices[1].attributes[-]: Invalid value: "": exactly one value must be specified',
    'spec.devices[1].attributes[a]: Invalid value: {"string":"x","int":1}: exactly one value must be specified',
    'spec.devices[1].attributes[v].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0',
    "spec.devices[1].attributes[s].string: Too long: may not be more than 64 bytes",
    'spec.devices[1].taints[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
    "spec.devices[1]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
    'spec.devices[2]: Duplicate value: "d"',
  ]);
  const many = Array.from({ length: 129 }, (_, i) => ({ name: `d${i}` }));
  expect(refusals(resourceSlices, devices(...many))).toEqual([
    "spec.devices: Too many: 129: must have at most 128 items",
  ]);
});

test("how much of a shared capacity may be asked for", () => {
  const of = (requestPolicy: object, allowMultipleAllocations = true): string[] =>
    refusals(
      resourceSlices,
      devices({
        name: "d",
        allowMultipleAllocations,
        capacity: { memory: { value: "10Gi", requestPolicy } },
      }),
    ).map((text) => text.replace("spec.devices[0].capacity[memory].requestPolicy", "policy"));
  const range = { min: "1Gi", max: "10Gi", step: "3Gi" };
  expect(of({ default: "4Gi", validRange: range })).toEqual([]);
  expect(of({}, false)).toEqual(["policy: Forbidden: allowMultipleAllocations must be true"]);
  expect(of({ validRange: range })).toEqual([
    "policy.default: Required value: required when validRange is defined",
  ]);
  expect(of({ default: "2Gi", validRange: { ...range, max: "13Gi" } })).toEqual([
    'policy.validRange.max: Invalid value: "13Gi": max is larger than capacity value: 10Gi',
    'policy.validRange.step: Invalid value: "2Gi": value is not a multiple of a given step (3Gi) from (1Gi)',
  ]);
  expect(of({ default: "2Gi", validValues: ["4Gi", "1Gi", "1024Mi", "11Gi"] })).toEqual([
    'policy.validValues[1]: Invalid value: "1Gi": values must be sorted in ascending order',
    'policy.validValues[3]: Invalid value: "11Gi": option is larger than capacity value: 10Gi',
    'policy.validValues[2]: Duplicate value: "1073741824"',
    'policy.validValues: Invalid value: "2Gi": default value is not valid according to the requestPolicy',
  ]);
});

test("taints tell their age, and what is alpha is dropped", () => {
  const taints = [{ key: "k", effect: "NoSchedule" }];
  const made = created(
    resourceSlices,
    devices({ name: "d", taints, attributes: { a: { int: 1, ints: [1] } } }),
  );
  expect(made).toMatchObject({
    spec: { devices: [{ taints: [{ timeAdded: "2026-11-23T12:00:00Z" }], attributes: { a: { int: 1 } } }] },
  });
  expect(JSON.stringify(made)).not.toContain('"ints"');
});

test("driver, pool and node stay", () => {
  const change = (object: { spec: object }): void => {
    Object.assign(object.spec, { driver: "b.example.com", nodeName: "m", pool: { ...pool, name: "m" } });
  };
  expect(updateRefusals(resourceSlices, slice({}), change as never)).toEqual([
    'spec.pool.name: Invalid value: "m": field is immutable',
    'spec.driver: Invalid value: "b.example.com": field is immutable',
    'spec.nodeName: Invalid value: "m": field is immutable',
  ]);
});

test("a line", () => {
  expect(row(resourceSlices, slice({}))).toMatchObject({ NODE: "n", DRIVER: "a.example.com", POOL: "n" });
});
