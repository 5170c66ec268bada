import type { ReplicationController } from "@coracle/shared/api/generated/core-v1.ts";
import { invalidValue, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { validateReplicaCounts } from "../replicasets/kind.ts";
import {
  ageColumn,
  column,
  containerColumns,
  integerColumn,
  labelsCell,
  nameColumn,
  wide,
} from "../shared/columns.ts";
import { setPodTemplateDefaults } from "../shared/pod/defaults.ts";
import { nameWarning, templateWarnings } from "../shared/pod/warnings.ts";
import { labelsText, validateLabels } from "../shared/selector.ts";
import { validateNonNegative, validateOwnedTemplate } from "../shared/workload.ts";

const spec = path("spec");

export const replicationControllers = defineKind<ReplicationController>({
  kind: "ReplicationController",
  shortNames: ["rc"],
  categories: ["all"],
  namespaced: true,
  status: true,
  generation: true,
  defaultPropagation: "Orphan",
  setDefaults,
  prepareForCreate: (rc) => {
    rc.status = { replicas: 0 };
  },
  validate,
  validateUpdate: validate,
  warnings: (rc, old) => [
    ...nameWarning(rc, old),
    ...templateWarnings(rc.spec?.template, spec.child("template"), rc, old),
  ],
  validateStatusUpdate: (rc) => validateReplicaCounts(rc.status),
  scale: {
    specReplicas: (rc) => rc.spec?.replicas ?? 0,
    setReplicas: (rc, replicas) => {
      if (rc.spec) rc.spec.replicas = replicas;
    },
    statusReplicas: (rc) => rc.status?.replicas ?? 0,
    selector: (rc) => labelsText(rc.spec?.selector),
  },
  selectableFields: { "status.replicas": (rc) => String(rc.status?.replicas ?? 0) },
  columns: [
    nameColumn,
    integerColumn("Desired", (rc) => rc.spec?.replicas ?? 0),
    integerColumn("Current", (rc) => rc.status?.replicas ?? 0),
    integerColumn("Ready", (rc) => rc.status?.readyReplicas ?? 0),
    ageColumn,
    ...containerColumns<ReplicationController>((rc) => rc.spec?.template?.spec?.containers),
    wide(column("Selector", (rc) => labelsCell(rc.spec?.selector))),
  ],
});

/** Labels and selector default to the template's labels. */
function setDefaults(rc: ReplicationController): void {
  if (!rc.spec) return;
  const labels = rc.spec.template?.metadata?.labels;
  if (labels) {
    if (Object.keys(rc.spec.selector ?? {}).length === 0) rc.spec.selector = { ...labels };
    if (Object.keys(rc.metadata.labels ?? {}).length === 0) rc.metadata.labels = { ...labels };
  }
  rc.spec.replicas ??= 1;
  setPodTemplateDefaults(rc.spec.template);
}

function validate(rc: ReplicationController): FieldError[] {
  const selector = rc.spec?.selector ?? {};
  const errors = [
    ...validateNonNegative(rc.spec?.minReadySeconds, spec.child("minReadySeconds")),
    ...validateLabels(selector, spec.child("selector")),
  ];
  if (Object.keys(selector).length === 0) errors.push(required(spec.child("selector")));
  if ((rc.spec?.replicas ?? 0) < 0)
    errors.push(
      invalidValue(spec.child("replicas"), rc.spec?.replicas ?? 0, "must be greater than or equal to 0"),
    );
  return [
    ...errors,
    ...validateOwnedTemplate(
      rc.spec?.template,
      { matchLabels: selector },
      spec.child("template"),
      "ReplicationController",
    ),
  ];
}
