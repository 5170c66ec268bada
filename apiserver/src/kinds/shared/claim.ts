import type { PersistentVolumeClaimSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { check, dnsSubdomain } from "./names.ts";
import { canonical, fractionWarning, nano } from "./quantity.ts";
import { validateLabelSelector } from "./selector.ts";

export const accessModes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
export const volumeModes = ["Block", "Filesystem"];

/** A claim for storage: of a PersistentVolumeClaim, a StatefulSet's template or a pod's ephemeral volume. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec | undefined, path: Path): FieldError[] {
  if (!spec) return [required(path)];
  return [
    ...validateAccessModes(spec.accessModes, path.child("accessModes")),
    ...validateLabelSelector(spec.selector, path.child("selector")),
    ...validateStorage(spec, path.child("resources")),
    ...(spec.storageClassName
      ? check(dnsSubdomain, spec.storageClassName, path.child("storageClassName"))
      : []),
    ...validateVolumeMode(spec.volumeMode, path.child("volumeMode")),
    ...validateDataSource(spec, path),
    ...(spec.volumeAttributesClassName
      ? check(dnsSubdomain, spec.volumeAttributesClassName, path.child("volumeAttributesClassName"))
      : []),
  ];
}

/** Half a byte can not be had. */
export const claimWarnings = (spec: PersistentVolumeClaimSpec | undefined, path: Path): string[] =>
  (["requests", "limits"] as const).flatMap((field) =>
    fractionWarning(spec?.resources?.[field]?.["storage"], path.child("resources", field).key("storage")),
  );

export function validateAccessModes(modes: readonly string[] | undefined, path: Path): FieldError[] {
  if (!modes?.length) return [required(path, "at least 1 access mode is required")];
  const errors = modes.flatMap((mode) =>
    accessModes.includes(mode) ? [] : [notSupported(path, mode, accessModes)],
  );
  if (modes.includes("ReadWriteOncePod") && modes.length > 1)
    errors.push(forbiddenField(path, "may not use ReadWriteOncePod with other access modes"));
  return errors;
}

export const validateVolumeMode = (mode: string | undefined, path: Path): FieldError[] =>
  mode === undefined || volumeModes.includes(mode) ? [] : [notSupported(path, mode, volumeModes)];

function validateStorage(spec: PersistentVolumeClaimSpec, path: Path): FieldError[] {
  const storage = spec.resources?.requests?.["storage"];
  if (storage === undefined) return [required(path.key("storage"))];
  return nano(storage) > 0n
    ? []
    : [invalidValue(path.key("storage"), canonical(storage), "must be greater than zero")];
}

function validateDataSource(spec: PersistentVolumeClaimSpec, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["dataSource", "dataSourceRef"] as const) {
    const source = spec[field];
    if (!source) continue;
    const at = path.child(field);
    if (!source.name) errors.push(required(at.child("name")));
    if (!source.kind) errors.push(required(at.child("kind")));
    if (!source.apiGroup && source.kind && source.kind !== "PersistentVolumeClaim")
      errors.push(
        invalidValue(
          at,
          source.kind,
          "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        ),
      );
    if (source.apiGroup) errors.push(...check(dnsSubdomain, source.apiGroup, at.child("apiGroup")));
  }
  return errors;
}

const shortModes = [
  ["ReadWriteOnce", "RWO"],
  ["ReadOnlyMany", "ROX"],
  ["ReadWriteMany", "RWX"],
  ["ReadWriteOncePod", "RWOP"],
] as const;

/** `RWO,ROX`, in upstream's order and without repetitions. */
export const accessModesCell = (modes: readonly string[] | undefined): string =>
  shortModes.flatMap(([mode, short]) => (modes?.includes(mode) ? [short] : [])).join(",");

const classAnnotation = "volume.beta.kubernetes.io/storage-class";

export const classAnnotationWarning = ({ annotations = {} }: ObjectMeta): string[] =>
  classAnnotation in annotations
    ? [
        `metadata.annotations[${classAnnotation}]: deprecated since v1.8; use "storageClassName" attribute instead`,
      ]
    : [];

/** The class by field, or by the annotation that came before the field. */
export const volumeClassOf = (object: {
  metadata: { annotations?: Record<string, string> | undefined };
  spec?: { storageClassName?: string | undefined } | undefined;
}): string => object.metadata.annotations?.[classAnnotation] ?? object.spec?.storageClassName ?? "";
