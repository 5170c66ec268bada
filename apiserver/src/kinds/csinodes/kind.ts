import type { CSINode } from "@coracle/shared/api/generated/storage-v1.ts";
import { duplicate, invalidValue, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { driverName } from "../csidrivers/kind.ts";
import { ageColumn, integerColumn, nameColumn } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, mustNotBeNegative, qualifiedName } from "../shared/names.ts";

const drivers = path("spec", "drivers");

export const csiNodes = defineKind<CSINode>({
  group: "storage.k8s.io",
  kind: "CSINode",
  namespaced: false,
  returnDeleted: true,
  unconditionalUpdate: false,
  validate,
  validateUpdate: (node, old) => {
    const errors = validate(node);
    // A driver that stays keeps what it registered with, but for its capacity.
    for (const before of old.spec?.drivers ?? []) {
      const after = node.spec?.drivers?.find((d) => d.name === before.name);
      const fixed = (d: typeof before): object => ({ nodeID: d.nodeID, topologyKeys: d.topologyKeys });
      if (after && !semanticEqual(fixed(after), fixed(before)))
        errors.push(invalidValue(drivers, after, "field is immutable"));
    }
    return errors;
  },
  columns: [nameColumn, integerColumn("Drivers", (node) => node.spec?.drivers?.length ?? 0), ageColumn],
});

function validate({ spec }: CSINode): FieldError[] {
  const seen = new Set<string>();
  return (spec?.drivers ?? []).flatMap((driver, i) => {
    const at = drivers.index(i);
    const errors = driver.name
      ? check(driverName, driver.name, at.child("name"))
      : [required(at.child("name"))];
    if (seen.has(driver.name)) errors.push(duplicate(at.child("name"), driver.name));
    seen.add(driver.name);
    if (!driver.nodeID) errors.push(required(at.child("nodeID")));
    else if (driver.nodeID.length > 192)
      errors.push(invalidValue(at.child("nodeID"), driver.nodeID, "must be 192 characters or less"));
    const count = driver.allocatable?.count;
    if (count !== undefined && count < 0)
      errors.push(invalidValue(at.child("allocatable", "count"), count, mustNotBeNegative));
    (driver.topologyKeys ?? []).forEach((key, n) => {
      errors.push(...check(qualifiedName, key, at.child("topologyKeys").index(n)));
      if (driver.topologyKeys?.indexOf(key) !== n) errors.push(duplicate(at.child("topologyKeys"), key));
    });
    return errors;
  });
}
