import { expect, test } from "vitest";
import type { StorageClass } from "@coracle/shared/api/generated/storage-v1.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { storageClasses } from "./kind.ts";

const body = { provisioner: "coracle.io/local" };

test("defaults and refusals", () => {
  expect(created(storageClasses, body)).toMatchObject({
    reclaimPolicy: "Delete",
    volumeBindingMode: "Immediate",
  });
  expect(refusals(storageClasses, { reclaimPolicy: "Recycle", volumeBindingMode: "Never" })).toEqual([
    "provisioner: Required value",
    'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
    'volumeBindingMode: Unsupported value: "Never": supported values: "Immediate", "WaitForFirstConsumer"',
  ]);
});

test("only expansion and metadata change", () => {
  const change = (cls: StorageClass): void => {
    Object.assign(cls, {
      provisioner: "x/y",
      parameters: { a: "b" },
      reclaimPolicy: "Retain",
      volumeBindingMode: "WaitForFirstConsumer",
      allowVolumeExpansion: true,
    });
  };
  expect(updateRefusals(storageClasses, body, change as never)).toEqual([
    "parameters: Forbidden: updates to parameters are forbidden.",
    "provisioner: Forbidden: updates to provisioner are forbidden.",
    "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
    'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
  ]);
});

test("a line marks the default class", () => {
  expect(columnNames(storageClasses)).toBe(
    "NAME PROVISIONER RECLAIMPOLICY VOLUMEBINDINGMODE ALLOWVOLUMEEXPANSION AGE",
  );
  const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
  expect(row(storageClasses, { ...body, metadata: { annotations } })).toMatchObject({
    NAME: "web (default)",
    ALLOWVOLUMEEXPANSION: false,
  });
});
