import type { ReplicaSet } from "@coracle/shared/api/generated/apps-v1.ts";
import { invalidValue, path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import {
  ageColumn,
  containerColumns,
  integerColumn,
  column,
  nameColumn,
  selectorCell,
  wide,
} from "../shared/columns.ts";
import { setPodTemplateDefaults } from "../shared/pod/defaults.ts";
import { nameWarning, templateWarnings } from "../shared/pod/warnings.ts";
import { selectorText } from "../shared/selector.ts";
import {
  validateCounters,
  validateImmutable,
  validateNonNegative,
  validateSelectorAndTemplate,
} from "../shared/workload.ts";

const spec = path("spec");

export const replicaSets = defineKind<ReplicaSet>({
  group: "apps",
  kind: "ReplicaSet",
  shortNames: ["rs"],
  categories: ["all"],
  namespaced: true,
  status: true,
  generation: true,
  setDefaults,
  prepareForCreate: (rs) => {
    rs.status = { replicas: 0 };
  },
  validate,
  validateUpdate: (rs, old) => [
    ...validate(rs),
    ...validateImmutable(rs.spec?.selector, old.spec?.selector, spec.child("selector")),
  ],
  warnings: (rs, old) => [
    ...nameWarning(rs, old),
    ...templateWarnings(rs.spec?.template, spec.child("template"), rs, old),
  ],
  validateStatusUpdate: validateStatus,
  scale: {
    specReplicas: (rs) => rs.spec?.replicas ?? 0,
    setReplicas: (rs, replicas) => {
      if (rs.spec) rs.spec.replicas = replicas;
    },
    statusReplicas: (rs) => rs.status?.replicas ?? 0,
    selector: (rs) => selectorText(rs.spec?.selector),
  },
  selectableFields: { "status.replicas": (rs) => String(rs.status?.replicas ?? 0) },
  columns: [
    nameColumn,
    integerColumn("Desired", (rs) => rs.spec?.replicas ?? 0),
    integerColumn("Current", (rs) => rs.status?.replicas ?? 0),
    integerColumn("Ready", (rs) => rs.status?.readyReplicas ?? 0),
    ageColumn,
    ...containerColumns<ReplicaSet>((rs) => rs.spec?.template?.spec?.containers),
    wide(column("Selector", (rs) => selectorCell(rs.spec?.selector))),
  ],
});

function setDefaults(rs: ReplicaSet): void {
  if (!rs.spec) return;
  rs.spec.replicas ??= 1;
  setPodTemplateDefaults(rs.spec.template);
}

function validate(rs: ReplicaSet): FieldError[] {
  return [
    ...validateNonNegative(rs.spec?.replicas, spec.child("replicas")),
    ...validateNonNegative(rs.spec?.minReadySeconds, spec.child("minReadySeconds")),
    ...validateSelectorAndTemplate(rs.spec ?? {}, spec, {
      selectorOf: "deployment",
      templateOf: "ReplicaSet",
    }),
  ];
}

/** The parts of a count can not exceed the whole. Also the rule of replication controllers. */
export function validateReplicaCounts(status: NonNullable<ReplicaSet["status"]> | undefined): FieldError[] {
  const at = path("status");
  const errors = validateCounters(
    status,
    ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"],
    at,
  );
  if (!status) return errors;
  const all = status.replicas ?? 0;
  for (const field of ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] as const)
    if ((status[field] ?? 0) > all)
      errors.push(
        invalidValue(at.child(field), status[field] ?? 0, "cannot be greater than status.replicas"),
      );
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0))
    errors.push(
      invalidValue(
        at.child("availableReplicas"),
        status.availableReplicas ?? 0,
        "cannot be greater than readyReplicas",
      ),
    );
  return errors;
}

function validateStatus(rs: ReplicaSet): FieldError[] {
  return validateReplicaCounts(rs.status);
}
