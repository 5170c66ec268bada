import { expect, test } from "vitest";
import type { PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { persistentVolumeClaims } from "./kind.ts";

const spec = (over: object = {}) => ({
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1024Mi" } }, ...over },
});

test("defaults", () => {
  expect(created(persistentVolumeClaims, spec())).toMatchObject({
    spec: { volumeMode: "Filesystem", resources: { requests: { storage: "1Gi" } } },
    status: { phase: "Pending" },
  });
  const source = spec({ dataSource: { kind: "PersistentVolumeClaim", name: "a" } });
  expect(created(persistentVolumeClaims, source)["spec"]).toMatchObject({
    dataSourceRef: { kind: "PersistentVolumeClaim", name: "a" },
  });
});

test.each<[string, object, string[]]>([
  ["an ordinary claim", spec(), []],
  [
    "an empty one",
    { spec: {} },
    [
      "spec.accessModes: Required value: at least 1 access mode is required",
      "spec.resources[storage]: Required value",
    ],
  ],
  [
    "modes that do not exist or exclude each other",
    spec({ accessModes: ["ReadWriteOncePod", "ReadSometimes"], volumeMode: "Tape" }),
    [
      'spec.accessModes: Unsupported value: "ReadSometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
      'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
    ],
  ],
  [
    "nothing",
    spec({ resources: { requests: { storage: "0" } } }),
    ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
  ],
])("%s", (_, body, expected) => {
  expect(refusals(persistentVolumeClaims, body as never)).toEqual(expected);
});

test("the binder names the volume; a bound claim may only grow", () => {
  const bind = (claim: PersistentVolumeClaim): void => {
    Object.assign(claim.spec ?? {}, { volumeName: "pv-1", storageClassName: "local" });
  };
  expect(updateRefusals(persistentVolumeClaims, spec(), bind as never)).toEqual([]);
  const resize =
    (storage: string) =>
    (claim: PersistentVolumeClaim): void => {
      if (claim.spec) claim.spec.resources = { requests: { storage } };
    };
  const [pending] = updateRefusals(persistentVolumeClaims, spec(), resize("2Gi"));
  expect(pending?.split("\n")[0]).toBe(
    "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
  );
  const bound = {
    ...persistentVolumeClaims,
    prepareForCreate: (claim: PersistentVolumeClaim) =>
      Object.assign(claim, { status: { phase: "Bound", capacity: { storage: "1Gi" } } }),
  } as never;
  expect(updateRefusals(bound, spec(), resize("2Gi") as never)).toEqual([]);
  expect(updateRefusals(bound, spec(), resize("1Mi") as never)).toEqual([
    "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
  ]);
});

test("a line", () => {
  expect(columnNames(persistentVolumeClaims)).toBe(
    "NAME STATUS VOLUME CAPACITY ACCESS MODES STORAGECLASS VOLUMEATTRIBUTESCLASS AGE (VOLUMEMODE)",
  );
  const status = {
    phase: "Bound",
    capacity: { storage: "1Gi" },
    accessModes: ["ReadOnlyMany", "ReadWriteOnce"],
  };
  const body = {
    ...spec({ volumeName: "pv-1", storageClassName: "local", volumeMode: "Filesystem" }),
    status,
  };
  expect(row(persistentVolumeClaims, body)).toMatchObject({
    STATUS: "Bound",
    CAPACITY: "1Gi",
    "ACCESS MODES": "RWO,ROX",
    STORAGECLASS: "local",
    VOLUMEATTRIBUTESCLASS: "<unset>",
    VOLUMEMODE: "Filesystem",
  });
  expect(row(persistentVolumeClaims, spec())).toMatchObject({ CAPACITY: "", "ACCESS MODES": "" });
});
