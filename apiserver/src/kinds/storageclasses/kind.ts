import type { StorageClass } from "@coracle/shared/api/generated/storage-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  tooLong,
  type FieldError,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, booleanColumn, column, nameColumn } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, labelValue, qualifiedName } from "../shared/names.ts";
import { nodeLabelDeprecation } from "../shared/node-labels.ts";
import { validateImmutable } from "../shared/workload.ts";

const defaultAnnotations = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

export const storageClasses = defineKind<StorageClass>({
  group: "storage.k8s.io",
  kind: "StorageClass",
  plural: "storageclasses",
  shortNames: ["sc"],
  namespaced: false,
  returnDeleted: true,
  setDefaults: (cls) => {
    cls.reclaimPolicy ??= "Delete";
    cls.volumeBindingMode ??= "Immediate";
  },
  validate,
  validateUpdate,
  warnings,
  columns: [
    { ...nameColumn, value: nameCell },
    column("Provisioner", (cls) => cls.provisioner ?? ""),
    column("ReclaimPolicy", (cls) => cls.reclaimPolicy ?? "Delete"),
    column("VolumeBindingMode", (cls) => cls.volumeBindingMode ?? "Immediate"),
    booleanColumn("AllowVolumeExpansion", (cls) => cls.allowVolumeExpansion ?? false),
    ageColumn,
  ],
});

function warnings({ allowedTopologies = [] }: StorageClass): string[] {
  return allowedTopologies.flatMap(({ matchLabelExpressions = [] }, i) =>
    matchLabelExpressions.flatMap(({ key }, j) => {
      const at = path("allowedTopologies").index(i).child("matchLabelExpressions").index(j);
      const text = nodeLabelDeprecation(key);
      return text ? [`${at.child("key").text}: ${text}`] : [];
    }),
  );
}

function nameCell({ metadata }: { metadata: StorageClass["metadata"] }): string {
  const isDefault = defaultAnnotations.some((key) => metadata.annotations?.[key] === "true");
  return `${metadata.name ?? ""}${isDefault ? " (default)" : ""}`;
}

const maxParameters = 512;
const maxParameterBytes = 256 * 1024;

/** Also the rule of volume attributes classes. */
export function validateParameters(parameters: Record<string, string> | undefined): FieldError[] {
  const at = path("parameters");
  const entries = Object.entries(parameters ?? {});
  if (entries.length > maxParameters)
    return [
      {
        reason: "FieldValueTooLong",
        field: at.text,
        message: `Too long: may not be more than ${maxParameters} bytes`,
      },
    ];
  const errors: FieldError[] = entries.some(([key]) => key === "")
    ? [invalidValue(at, "", "field can not be empty.")]
    : [];
  const size = entries.reduce((sum, [key, value]) => sum + key.length + Buffer.byteLength(value), 0);
  if (size > maxParameterBytes) errors.push(tooLong(at, maxParameterBytes));
  return errors;
}

function validate(cls: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  if (!cls.provisioner) errors.push(required(path("provisioner")));
  else errors.push(...check(qualifiedName, cls.provisioner.toLowerCase(), path("provisioner")));
  errors.push(...validateParameters(cls.parameters));
  if (cls.reclaimPolicy && !["Delete", "Retain"].includes(cls.reclaimPolicy))
    errors.push(notSupported(path("reclaimPolicy"), cls.reclaimPolicy, ["Delete", "Retain"]));
  const modes = ["Immediate", "WaitForFirstConsumer"];
  if (cls.volumeBindingMode === undefined) errors.push(required(path("volumeBindingMode")));
  else if (!modes.includes(cls.volumeBindingMode))
    errors.push(notSupported(path("volumeBindingMode"), cls.volumeBindingMode, modes));
  (cls.allowedTopologies ?? []).forEach((term, i) =>
    (term.matchLabelExpressions ?? []).forEach((expression, j) => {
      const at = path("allowedTopologies").index(i).child("matchLabelExpressions").index(j);
      errors.push(...check(qualifiedName, expression.key ?? "", at.child("key")));
      if (!expression.values?.length) errors.push(required(at.child("values")));
      (expression.values ?? []).forEach((value, n) =>
        errors.push(...check(labelValue, value, at.child("values").index(n))),
      );
    }),
  );
  return errors;
}

function validateUpdate(cls: StorageClass, old: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["parameters", "provisioner", "reclaimPolicy"] as const)
    if (!semanticEqual(cls[field], old[field]))
      errors.push(forbiddenField(path(field), `updates to ${field} are forbidden.`));
  return [
    ...errors,
    ...validateImmutable(cls.volumeBindingMode, old.volumeBindingMode, path("volumeBindingMode")),
    ...validate(cls),
  ];
}
