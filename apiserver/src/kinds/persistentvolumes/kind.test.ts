import { expect, test } from "vitest";
import type { PersistentVolume } from "@coracle/shared/api/generated/core-v1.ts";
import { contextFor } from "../arbitrary.test-support.ts";
import { prepareForUpdate } from "../../registry/strategy.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { persistentVolumes } from "./kind.ts";

const spec = (over: object = {}) => ({
  spec: {
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    hostPath: { path: "/data" },
    ...over,
  },
});

test("defaults", () => {
  expect(created(persistentVolumes, spec())).toMatchObject({
    spec: { persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem", hostPath: { type: "" } },
    status: { phase: "Pending" },
  });
});

test.each<[string, object, string[]]>([
  ["an ordinary volume", spec(), []],
  [
    "a volume of nothing",
    { spec: {} },
    [
      "spec.accessModes: Required value: at least 1 access mode is required",
      "spec.capacity: Required value",
      "spec: Required value: must specify a volume type",
    ],
  ],
  [
    "a volume of two kinds, local without a node",
    spec({ local: { path: "/x" } }),
    [
      "spec.local: Forbidden: may not specify more than 1 volume type",
      "spec.nodeAffinity: Required value: Local volume requires node affinity",
    ],
  ],
])("%s", (_, body, expected) => {
  expect(refusals(persistentVolumes, body as never)).toEqual(expected);
});

test("what it is made of stays", () => {
  const change = (volume: PersistentVolume): void => {
    Object.assign(volume.spec ?? {}, { hostPath: { path: "/other" }, volumeMode: "Block" });
  };
  expect(updateRefusals(persistentVolumes, spec(), change as never)).toEqual([
    "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
    'volumeMode: Invalid value: "Block": field is immutable',
  ]);
});

test("a status with another phase tells when that began", () => {
  const volume = (phase: string): PersistentVolume => ({
    metadata: { name: "v" },
    status: { phase, lastPhaseTransitionTime: "2026-01-01T00:00:00Z" },
  });
  const ctx = contextFor({ subresource: "status", now: () => new Date("2026-02-02T02:02:02.5Z") });
  const [same, other] = [volume("Bound"), volume("Released")];
  for (const next of [same, other]) prepareForUpdate(persistentVolumes, next, volume("Bound"), ctx);
  expect(same.status?.lastPhaseTransitionTime).toBe("2026-01-01T00:00:00Z");
  expect(other.status?.lastPhaseTransitionTime).toBe("2026-02-02T02:02:02Z");
});

test("a line", () => {
  expect(columnNames(persistentVolumes)).toBe(
    "NAME CAPACITY ACCESS MODES RECLAIM POLICY STATUS CLAIM STORAGECLASS VOLUMEATTRIBUTESCLASS REASON AGE (VOLUMEMODE)",
  );
  const claimRef = { namespace: "default", name: "data" };
  expect(row(persistentVolumes, { ...spec({ claimRef }), status: { phase: "Bound" } })).toMatchObject({
    CAPACITY: "1Gi",
    "ACCESS MODES": "RWO",
    STATUS: "Bound",
    CLAIM: "default/data",
    STORAGECLASS: "",
  });
});
