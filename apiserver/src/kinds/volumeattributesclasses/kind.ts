import type { VolumeAttributesClass } from "@coracle/shared/api/generated/storage-v1.ts";
import { forbiddenField, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, qualifiedName } from "../shared/names.ts";
import { validateParameters } from "../storageclasses/kind.ts";

export const volumeAttributesClasses = defineKind<VolumeAttributesClass>({
  group: "storage.k8s.io",
  kind: "VolumeAttributesClass",
  plural: "volumeattributesclasses",
  shortNames: ["vac"],
  namespaced: false,
  returnDeleted: true,
  validate,
  validateUpdate: (next, old) => {
    const errors: FieldError[] = [];
    for (const field of ["driverName", "parameters"] as const)
      if (!semanticEqual(next[field], old[field]))
        errors.push(forbiddenField(path(field), `updates to ${field} are forbidden.`));
    return errors;
  },
  columns: [nameColumn, column("DriverName", (cls) => cls.driverName ?? ""), ageColumn],
});

function validate(cls: VolumeAttributesClass): FieldError[] {
  const errors = cls.driverName
    ? check(qualifiedName, cls.driverName.toLowerCase(), path("driverName"))
    : [required(path("driverName"))];
  if (Object.keys(cls.parameters ?? {}).length === 0)
    errors.push(required(path("parameters"), "must contain at least one key/value pair"));
  return [...errors, ...validateParameters(cls.parameters)];
}
