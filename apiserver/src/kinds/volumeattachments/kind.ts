import type { VolumeAttachment } from "@coracle/shared/api/generated/storage-v1.ts";
import { invalidValue, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { driverName } from "../csidrivers/kind.ts";
import { ageColumn, booleanColumn, column, nameColumn } from "../shared/columns.ts";
import { check, dnsSubdomain } from "../shared/names.ts";
import { validateImmutable } from "../shared/workload.ts";

const root = path("spec");

export const volumeAttachments = defineKind<VolumeAttachment>({
  group: "storage.k8s.io",
  kind: "VolumeAttachment",
  namespaced: false,
  returnDeleted: true,
  status: true,
  unconditionalUpdate: false,
  prepareForCreate: (attachment) => {
    attachment.status = { attached: false };
  },
  validate,
  validateUpdate: (next, old) => validateImmutable(next.spec, old.spec, root),
  columns: [
    nameColumn,
    { ...column<VolumeAttachment>("Attacher", (a) => a.spec?.attacher ?? ""), format: "name" },
    column("PV", (a) => a.spec?.source?.persistentVolumeName ?? ""),
    column("Node", (a) => a.spec?.nodeName ?? ""),
    booleanColumn("Attached", (a) => a.status?.attached ?? false),
    ageColumn,
  ],
});

function validate({ spec }: VolumeAttachment): FieldError[] {
  const errors = spec?.attacher
    ? check(driverName, spec.attacher, root.child("attacher"))
    : [required(root.child("attacher"))];
  const at = root.child("source");
  const { persistentVolumeName: volume, inlineVolumeSpec: inline } = spec?.source ?? {};
  if (volume === undefined && inline === undefined)
    errors.push(required(at, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"));
  if (volume !== undefined && inline !== undefined)
    errors.push(
      invalidValue(at, spec?.source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"),
    );
  if (volume === "") errors.push(required(at.child("persistentVolumeName"), "must not be empty"));
  errors.push(...check(dnsSubdomain, spec?.nodeName ?? "", root.child("nodeName")));
  return errors;
}
