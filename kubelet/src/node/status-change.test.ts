import type { NodeStatus } from "@coracle/shared/api/generated/core-v1.ts";
import { describe, expect, test } from "vitest";
import { changedReasons, foreignAllocatable, shows } from "./status-change.ts";

const ready = (status: string, lastHeartbeatTime = "2026-01-01T00:00:00Z") => ({
  type: "Ready",
  status,
  lastHeartbeatTime,
});
const own: NodeStatus = {
  capacity: { cpu: "2" },
  allocatable: { cpu: "2" },
  conditions: [ready("True")],
  images: [{ names: ["a"], sizeBytes: 1 }],
};

describe("a status that the API shows", () => {
  test("need not be written for a heartbeat, nor for what others put beside it", () => {
    expect(shows({ ...own, conditions: [ready("True", "2026-01-01T00:05:00Z")] }, own)).toBe(true);
    expect(
      shows(
        {
          ...own,
          capacity: { cpu: "2", "x/y": "1" },
          conditions: [{ type: "Other", status: "True" }, ready("True")],
        },
        own,
      ),
    ).toBe(true);
  });
  test.each([
    ["a condition", { ...own, conditions: [ready("Unknown")] }],
    ["an amount", { ...own, capacity: { cpu: "3" } }],
    ["a list", { ...own, images: [] }],
    ["anything", undefined],
  ])("must be written when it differs in %s", (_, actual) => expect(shows(actual, own)).toBe(false));
});

test("events tell of conditions that changed", () => {
  expect(changedReasons([], [ready("True"), { type: "DiskPressure", status: "False" }])).toEqual([
    "NodeReady",
    "NodeHasNoDiskPressure",
  ]);
  expect(changedReasons([ready("True")], [ready("False")])).toEqual(["NodeNotReady"]);
  expect(changedReasons([ready("True")], [ready("True", "2027-01-01T00:00:00Z")])).toEqual([]);
});

test("what others advertise is allocatable as a whole, and gone when they take it back", () => {
  const advertised = { ...own, capacity: { cpu: "2", "x/y": "5" } };
  expect(foreignAllocatable(advertised, own)).toEqual({ "x/y": "5" });
  expect(foreignAllocatable({ ...own, allocatable: { cpu: "2", "x/y": "5" } }, own)).toEqual({ "x/y": null });
});
