import type { PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import { forbiddenField, path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import {
  accessModesCell,
  claimWarnings,
  classAnnotationWarning,
  validateAccessModes,
  validateClaimSpec,
  volumeClassOf,
} from "../shared/claim.ts";
import { ageColumn, column, nameColumn, wide } from "../shared/columns.ts";
import { differenceText } from "../shared/difference.ts";
import { semanticEqual } from "../shared/equal.ts";
import { roundUp } from "../shared/pod/defaults.ts";
import { setClaimSpecDefaults } from "../shared/pod/volume-defaults.ts";
import { canonical, nano } from "../shared/quantity.ts";
import { validateImmutable } from "../shared/workload.ts";

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
  warnings: (claim) => [...classAnnotationWarning(claim.metadata), ...claimWarnings(claim.spec, root)],
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
  if (!before.volumeName) next.volumeName = before.volumeName;
  if (before.storageClassName === undefined) next.storageClassName = before.storageClassName;
  const wanted = claim.spec?.resources?.requests?.["storage"];
  const was = before.resources?.requests?.["storage"];
  if (old.status?.phase === "Bound") {
    if (next.resources?.requests && was !== undefined) next.resources.requests["storage"] = was;
    if (next.volumeAttributesClassName !== undefined)
      next.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (!semanticEqual(next, before))
    errors.push(forbiddenField(root, `${immutableMessage}\n${differenceText(next, before)}`));
  if (nano(wanted) < nano(was) && nano(wanted) <= nano(old.status?.capacity?.["storage"]))
    errors.push(
      forbiddenField(
        root.child("resources", "requests", "storage"),
        "field can not be less than status.capacity",
      ),
    );
  errors.push(...validateImmutable(claim.spec?.volumeMode, before.volumeMode, path("volumeMode")));
  return [
    ...errors,
    ...validateClassUpdate(claim.spec?.volumeAttributesClassName, before.volumeAttributesClassName),
  ];
}

function validateClassUpdate(next: string | undefined, before: string | undefined): FieldError[] {
  const at = root.child("volumeAttributesClassName");
  if (before === undefined || next === before) return [];
  if (next === undefined) return [forbiddenField(at, "update from non-nil value to nil is forbidden")];
  return next === "" ? [forbiddenField(at, "update from non-nil value to an empty string is forbidden")] : [];
}
