import { describe, expect, test } from "vitest";
import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import type {
  Device,
  DeviceClaim,
  DeviceClass,
  ResourceSlice,
  ResourceSliceSpec,
} from "@coracle/shared/api/generated/resource-v1.ts";
import { createAllocator } from "./allocate.ts";
import { wantedOf } from "./demands.ts";
import { gatherPools } from "./pools.ts";

const driver = "gpu.example.com";
const node: Node = { metadata: { name: "n1", labels: { zone: "a" } } };
const slice = (spec: Partial<ResourceSliceSpec>, pool: object = {}): ResourceSlice => ({
  metadata: { name: "s" },
  spec: {
    driver,
    pool: { name: "n1", generation: 1, resourceSliceCount: 1, ...pool },
    ...(spec.nodeSelector || spec.allNodes || spec.perDeviceNodeSelection ? {} : { nodeName: "n1" }),
    ...spec,
  },
});
const gpu = (name: string, model = "x", more: Partial<Device> = {}): Device => ({
  name,
  attributes: { model: { string: model }, [`${driver}/half`]: { string: name.slice(0, 1) } },
  capacity: { memory: { value: "10Gi" } },
  ...more,
});
const classes = new Map<string, DeviceClass>([
  [
    "gpu",
    {
      metadata: { name: "gpu" },
      spec: {
        selectors: [{ cel: { expression: `device.driver == "${driver}"` } }],
        config: [{ opaque: { driver, parameters: { from: "class" } } }],
      },
    },
  ],
]);
const exactly = { deviceClassName: "gpu" };
const model = (is: string) => ({
  selectors: [{ cel: { expression: `device.attributes["${driver}"].model == "${is}"` } }],
});

const allocate = (
  slices: readonly ResourceSlice[],
  devices: DeviceClaim[],
  taken: string[] = [],
  shared: Record<string, Record<string, bigint>> = {},
) => {
  const wanted = devices.map((d) =>
    wantedOf({ metadata: { name: "c", namespace: "ns" }, spec: { devices: d } }, (name) => classes.get(name)),
  );
  const consumption = Object.entries(shared).map(([id, of]) => [id, new Map(Object.entries(of))] as const);
  const allocated = { taken: new Set(taken), shared: new Map(consumption) };
  return createAllocator(gatherPools(slices), allocated, () => "share").allocate(wanted, node);
};
/** `request=device` of every result. */
const results = (...args: Parameters<typeof allocate>): string[] | undefined =>
  allocate(...args)?.flatMap((a) => (a.devices?.results ?? []).map((r) => `${r.request}=${r.device}`));

const two = [slice({ devices: [gpu("a1"), gpu("b1", "y")] })];

describe("which devices a claim gets", () => {
  test("the first that suits, and no other's", () => {
    expect(results(two, [{ requests: [{ name: "r", exactly }] }])).toEqual(["r=a1"]);
    expect(results(two, [{ requests: [{ name: "r", exactly }] }], [`${driver}/n1/a1`])).toEqual(["r=b1"]);
    expect(results(two, [{ requests: [{ name: "r", exactly: { ...exactly, ...model("y") } }] }])).toEqual([
      "r=b1",
    ]);
    expect(results(two, [{ requests: [{ name: "r", exactly: { ...exactly, count: 3 } }] }])).toBeUndefined();
  });
  test("a choice is taken back when nothing is left for the next request or claim", () => {
    const any = { name: "any", exactly };
    const x = { name: "x", exactly: { ...exactly, ...model("x") } };
    expect(results(two, [{ requests: [any, x] }])).toEqual(["any=b1", "x=a1"]);
    expect(results(two, [{ requests: [any] }, { requests: [x] }])).toEqual(["any=b1", "x=a1"]);
  });
  test("alternatives are tried in their order", () => {
    const firstAvailable = [
      { name: "z", ...exactly, ...model("z") },
      { name: "both", ...exactly, count: 2 },
    ];
    expect(results(two, [{ requests: [{ name: "r", firstAvailable }] }])).toEqual(["r/both=a1", "r/both=b1"]);
  });
  test("all are all there are; while a pool changes nobody knows", () => {
    const all = { name: "r", exactly: { ...exactly, allocationMode: "All" } };
    expect(results(two, [{ requests: [all] }])).toEqual(["r=a1", "r=b1"]);
    expect(results(two, [{ requests: [all] }], [`${driver}/n1/b1`])).toBeUndefined();
    expect(results([], [{ requests: [all] }])).toBeUndefined();
    const half = [slice({ devices: [gpu("a1")] }, { generation: 2, resourceSliceCount: 2 }), ...two];
    expect(() => results(half, [{ requests: [all] }])).toThrow(
      `claim ns/c, request r: asks for all devices, but resource pool ${driver}/n1 is currently being updated`,
    );
    expect(results(half, [{ requests: [{ name: "r", exactly }] }])).toBeUndefined();
  });
  test("administrators look over the shoulders of users", () => {
    const admin = { name: "r", exactly: { ...exactly, allocationMode: "All", adminAccess: true } };
    expect(results(two, [{ requests: [admin] }], [`${driver}/n1/a1`])).toEqual(["r=a1", "r=b1"]);
    expect(results(two, [{ requests: [admin] }, { requests: [{ name: "s", exactly }] }])).toContain("s=a1");
  });
  test("constraints hold for the devices of a claim", () => {
    const four = [slice({ devices: [gpu("a1"), gpu("b1"), gpu("b2"), gpu("c1")] })];
    const requests = [{ name: "r", exactly: { ...exactly, count: 2 } }];
    const half = `${driver}/half`;
    expect(results(four, [{ requests, constraints: [{ matchAttribute: half }] }])).toEqual(["r=b1", "r=b2"]);
    expect(
      results(
        four,
        [{ requests, constraints: [{ distinctAttribute: half, requests: ["r"] }] }],
        [`${driver}/n1/a1`],
      ),
    ).toEqual(["r=b1", "r=c1"]);
    expect(results(four, [{ requests, constraints: [{ matchAttribute: "a.b/c" }] }])).toBeUndefined();
  });
  test("taints keep away who does not tolerate them, and capacity must suffice", () => {
    const taints = [{ key: "broken", effect: "NoSchedule" }];
    const tainted = [slice({ devices: [gpu("a1", "x", { taints })] })];
    expect(results(tainted, [{ requests: [{ name: "r", exactly }] }])).toBeUndefined();
    const tolerations = [{ key: "broken", operator: "Exists" }];
    expect(results(tainted, [{ requests: [{ name: "r", exactly: { ...exactly, tolerations } }] }])).toEqual([
      "r=a1",
    ]);
    const capacity = (memory: string) => ({ capacity: { requests: { [`${driver}/memory`]: memory } } });
    expect(
      results(two, [{ requests: [{ name: "r", exactly: { ...exactly, ...capacity("1Gi") } }] }]),
    ).toEqual(["r=a1"]);
    expect(
      results(two, [{ requests: [{ name: "r", exactly: { ...exactly, ...capacity("1Ti") } }] }]),
    ).toBeUndefined();
  });
  test("parts of one device share what it has", () => {
    const part = (name: string, value: string) =>
      gpu(name, "x", { consumesCounters: [{ counterSet: "whole", counters: { memory: { value } } }] });
    const parts = [
      slice(
        { sharedCounters: [{ name: "whole", counters: { memory: { value: "40Gi" } } }] },
        { resourceSliceCount: 2 },
      ),
      slice(
        { devices: [part("a1", "30Gi"), part("b1", "20Gi"), part("c1", "10Gi")] },
        { resourceSliceCount: 2 },
      ),
    ];
    const requests = [{ name: "r", exactly: { ...exactly, count: 2 } }];
    expect(results(parts, [{ requests }])).toEqual(["r=a1", "r=c1"]);
    expect(results(parts, [{ requests }], [`${driver}/n1/a1`])).toBeUndefined();
  });
  describe("devices that several use", () => {
    const validRange = { min: "1Gi", max: "8Gi", step: "1Gi" };
    const nic = (requestPolicy?: object) =>
      slice({
        devices: [
          {
            name: "nic",
            allowMultipleAllocations: true,
            capacity: { bandwidth: { value: "10Gi", ...(requestPolicy ? { requestPolicy } : {}) } },
          },
        ],
      });
    const asks = (...amounts: (string | undefined)[]): DeviceClaim => ({
      requests: amounts.map((bandwidth, i) => ({
        name: `r${i}`,
        exactly: { ...exactly, ...(bandwidth ? { capacity: { requests: { bandwidth } } } : {}) },
      })),
    });
    const consumed = (...args: Parameters<typeof allocate>) =>
      allocate(...args)?.flatMap((a) =>
        (a.devices?.results ?? []).map((r) => r.consumedCapacity?.["bandwidth"]),
      );
    test("each its share, as far as it goes", () => {
      expect(consumed([nic()], [asks("4Gi", "6Gi")])).toEqual(["4Gi", "6Gi"]);
      expect(consumed([nic()], [asks("4Gi", "7Gi")])).toBeUndefined();
      expect(
        consumed([nic()], [asks("4Gi")], [], {
          [`${driver}/n1/nic`]: { bandwidth: 7n * 2n ** 30n * 10n ** 9n },
        }),
      ).toBeUndefined();
      expect(allocate([nic()], [asks("4Gi")])?.[0]?.devices?.results?.[0]).toMatchObject({
        shareID: "share",
      });
    });
    test("who says nothing gets the usual, or all", () => {
      expect(consumed([nic()], [asks(undefined)])).toEqual(["10Gi"]);
      expect(consumed([nic({ default: "2Gi", validRange })], [asks(undefined, "512Mi", "1536Mi")])).toEqual([
        "2Gi",
        "1Gi",
        "2Gi",
      ]);
      expect(consumed([nic({ default: "2Gi", validRange })], [asks("9Gi")])).toBeUndefined();
      expect(consumed([nic({ default: "1Gi", validValues: ["1Gi", "4Gi"] })], [asks("2Gi")])).toEqual([
        "4Gi",
      ]);
    });
    test("one device is given more than once, unless its claim wants different ones", () => {
      const requests = [
        { name: "r", exactly: { ...exactly, count: 2, capacity: { requests: { bandwidth: "1Gi" } } } },
      ];
      expect(results([nic()], [{ requests }])).toEqual(["r=nic", "r=nic"]);
    });
  });
  test("an expression that fails ends the allocation", () => {
    const selectors = [{ cel: { expression: `device.attributes["${driver}"].nothing == 1` } }];
    expect(() => results(two, [{ requests: [{ name: "r", exactly: { ...exactly, selectors } }] }])).toThrow(
      `request r: device ${driver}/n1/a1: selector runtime error`,
    );
  });
});

describe("what is written", () => {
  const requests = [{ name: "r", exactly }];
  test("the configuration of class and claim", () => {
    const config = [
      { requests: ["r"], opaque: { driver, parameters: { from: "claim" } } },
      { requests: ["other"], opaque: { driver, parameters: {} } },
    ];
    expect(allocate(two, [{ requests, config }])?.[0]?.devices?.config).toEqual([
      { source: "FromClass", requests: ["r"], opaque: { driver, parameters: { from: "class" } } },
      { source: "FromClaim", requests: ["r"], opaque: { driver, parameters: { from: "claim" } } },
    ]);
  });
  test.each<[string, Partial<ResourceSliceSpec>, object | undefined]>([
    ["one node", {}, { matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }],
    ["all nodes", { allNodes: true }, undefined],
    [
      "nodes with a label",
      {
        nodeSelector: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] }],
        },
      },
      { matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] },
    ],
    [
      "each device for itself",
      {
        perDeviceNodeSelection: true,
        devices: [gpu("a", "x", { nodeName: "n2" }), gpu("b", "x", { allNodes: true })],
      },
      undefined,
    ],
  ])("where it can be used: %s", (_, spec, term) => {
    const [result] = allocate([slice({ devices: [gpu("a1")], ...spec })], [{ requests }]) ?? [];
    expect(result?.devices?.results).toHaveLength(1);
    expect(result?.nodeSelector).toEqual(term && { nodeSelectorTerms: [term] });
  });
});
