import type { CSIStorageCapacity } from "@coracle/shared/api/generated/storage-v1.ts";
import { path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { column, nameColumn } from "../shared/columns.ts";
import { check, dnsSubdomain } from "../shared/names.ts";
import { validateNotNegative } from "../shared/pod/resources.ts";
import { canonical } from "../shared/quantity.ts";
import { validateLabelSelector } from "../shared/selector.ts";
import { validateImmutable } from "../shared/workload.ts";

export const csiStorageCapacities = defineKind<CSIStorageCapacity>({
  group: "storage.k8s.io",
  kind: "CSIStorageCapacity",
  plural: "csistoragecapacities",
  namespaced: true,
  unconditionalUpdate: false,
  validate,
  validateUpdate: (next, old) => [
    ...validate(next),
    ...validateImmutable(next.nodeTopology, old.nodeTopology, path("nodeTopology")),
    ...validateImmutable(next.storageClassName, old.storageClassName, path("storageClassName")),
  ],
  columns: [
    nameColumn,
    column("StorageClassName", (o) => o.storageClassName ?? ""),
    column("Capacity", (o) => (o.capacity === undefined ? "<unset>" : canonical(o.capacity))),
  ],
});

function validate(object: CSIStorageCapacity): FieldError[] {
  const errors = [
    ...validateLabelSelector(object.nodeTopology, path("nodeTopology")),
    ...check(dnsSubdomain, object.storageClassName ?? "", path("storageClassName")),
  ];
  for (const field of ["capacity", "maximumVolumeSize"] as const) {
    const value = object[field];
    if (value !== undefined) errors.push(...validateNotNegative(value, path(field)));
  }
  return errors;
}
