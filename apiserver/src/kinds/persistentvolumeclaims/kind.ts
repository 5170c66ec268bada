import type { PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import { forbiddenField, invalidValue, path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { accessModesCell, validateAccessModes, validateClaimSpec, volumeClassOf } from "../shared/claim.ts";
import { ageColumn, column, nameColumn, wide } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { roundUp } from "../shared/pod/defaults.ts";
import { setClaimSpecDefaults } from "../shared/pod/volume-defaults.ts";
import { canonical, nano } from "../shared/quantity.ts";

const root = path("spec");

export const persistentVolumeClaims = defineKind<PersistentVolumeClaim>({
  kind: "PersistentVolumeClaim",
  shortNames: ["pvc"],
  namespaced: true,
  status: true,
  returnDeleted: true,
  setDefaults,
  prepareForCreate: (claim) => {
    claim.status = { phase: "Pending" };
  },
  validate: (claim) => validateClaimSpec(claim.spec, root),
  validateUpdate,
  validateStatusUpdate: (claim) =>
    claim.status?.accessModes?.length
      ? validateAccessModes(claim.status.accessModes, path("status", "accessModes"))
      : [],
  columns: [
    nameColumn,
    column("Status", (claim) =>
      claim.metadata.deletionTimestamp ? "Terminating" : (claim.status?.phase ?? ""),
    ),
    column("Volume", (claim) => claim.spec?.volumeName ?? ""),
    column("Capacity", (claim) =>
      claim.spec?.volumeName ? canonical(claim.status?.capacity?.["storage"] ?? "0") : "",
    ),
    column("Access Modes", (claim) =>
      claim.spec?.volumeName ? accessModesCell(claim.status?.accessModes) : "",
    ),
    column("StorageClass", volumeClassOf),
    column("VolumeAttributesClass", (claim) => claim.spec?.volumeAttributesClassName || "<unset>"),
    ageColumn,
    wide(column("VolumeMode", (claim) => claim.spec?.volumeMode ?? "<unset>")),
  ],
});

function setDefaults(claim: PersistentVolumeClaim): void {
  claim.status = { ...claim.status, phase: claim.status?.phase || "Pending" };
  roundUp(claim.status.capacity);
  const { spec } = claim;
  if (!spec) return;
  setClaimSpecDefaults(spec);
  roundUp(spec.resources?.requests);
  roundUp(spec.resources?.limits);
  // dataSource and dataSourceRef say the same where both can.
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
  else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
    const { apiGroup, kind, name } = spec.dataSourceRef;
    spec.dataSource = { ...(apiGroup === undefined ? {} : { apiGroup }), kind, name };
  }
}

const immutableMessage =
  "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

/** A bound claim may ask for more; the binder writes the volume's name and a missing class. */
function validateUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const errors = validateClaimSpec(claim.spec, root);
  const next = structuredClone(claim.spec ?? {});
  const before = old.spec ?? {};
  const bound = old.status?.phase === "Bound";
  const request = next.resources?.requests?.["storage"];
  const was = before.resources?.requests?.["storage"];
  if (bound) {
    if (nano(request) < nano(was) && nano(request) < nano(old.status?.capacity?.["storage"]))
      errors.push(
        forbiddenField(
          root.child("resources", "requests", "storage"),
          "field can not be less than status.capacity",
        ),
      );
    next.resources = before.resources;
    next.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (!before.volumeName) next.volumeName = before.volumeName;
  if (before.storageClassName === undefined) next.storageClassName = before.storageClassName;
  if (!semanticEqual(next, before))
    errors.push(forbiddenField(root, `${immutableMessage}\n${difference(next, before)}`));
  if (claim.spec?.volumeMode !== before.volumeMode)
    errors.push(invalidValue(root.child("volumeMode"), claim.spec?.volumeMode ?? null, "field is immutable"));
  return errors;
}

function difference(next: object, before: object): string {
  const a = before as Record<string, unknown>;
  const b = next as Record<string, unknown>;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((field) => !semanticEqual(a[field], b[field]))
    .map((field) => `- ${field}: ${JSON.stringify(a[field])}\n+ ${field}: ${JSON.stringify(b[field])}`)
    .join("\n");
}
