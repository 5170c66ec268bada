import type { ResourceSlice } from "@coracle/shared/api/generated/resource-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { validateSlice, validateSliceUpdate } from "./validate.ts";

/** Devices of one driver, as it publishes them. */
export const resourceSlices = defineKind<ResourceSlice>({
  group: "resource.k8s.io",
  kind: "ResourceSlice",
  namespaced: false,
  returnDeleted: true,
  generation: true,
  prepareForCreate: (slice, { now }) => prepare(slice, now()),
  prepareForUpdate: (slice, _old, { now }) => prepare(slice, now()),
  validate: validateSlice,
  validateUpdate: validateSliceUpdate,
  selectableFields: {
    "spec.driver": (slice) => slice.spec?.driver ?? "",
    "spec.nodeName": (slice) => slice.spec?.nodeName ?? "",
  },
  columns: [
    nameColumn,
    column("Node", (slice) => slice.spec?.nodeName ?? ""),
    column("Driver", (slice) => slice.spec?.driver ?? ""),
    column("Pool", (slice) => slice.spec?.pool?.name ?? ""),
    ageColumn,
  ],
});

/** Drops what is alpha upstream and off by default; a taint is as old as its first mention. */
function prepare({ spec }: ResourceSlice, now: Date): void {
  for (const device of spec?.devices ?? []) {
    delete device.nodeAllocatableResourceMappings;
    for (const attribute of Object.values(device.attributes ?? {})) {
      delete attribute.ints;
      delete attribute.bools;
      delete attribute.strings;
      delete attribute.versions;
    }
    for (const taint of device.taints ?? []) taint.timeAdded ??= now.toISOString().replace(/\.\d+Z$/, "Z");
  }
}
