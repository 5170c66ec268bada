import type { PersistentVolume } from "@coracle/shared/api/generated/core-v1.ts";
import { path } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { accessModesCell, classAnnotationWarning, volumeClassOf } from "../shared/claim.ts";
import { ageColumn, column, nameColumn, wide } from "../shared/columns.ts";
import { nodeTermWarnings } from "../shared/node-labels.ts";
import { roundUp } from "../shared/pod/defaults.ts";
import { pluginWarnings } from "../shared/pod/warnings-volume.ts";
import { canonical } from "../shared/quantity.ts";
import { validateVolume, validateVolumeUpdate } from "./validate.ts";

export const persistentVolumes = defineKind<PersistentVolume>({
  kind: "PersistentVolume",
  shortNames: ["pv"],
  namespaced: false,
  status: true,
  returnDeleted: true,
  setDefaults,
  prepareForCreate: (volume, ctx) => {
    volume.status = { phase: "Pending", lastPhaseTransitionTime: seconds(ctx.now()) };
  },
  prepareForStatusUpdate: (volume, old, ctx) => {
    const { status } = volume;
    const told = status?.lastPhaseTransitionTime !== old.status?.lastPhaseTransitionTime;
    if (status && status.phase !== old.status?.phase && !told)
      status.lastPhaseTransitionTime = seconds(ctx.now());
  },
  validate: validateVolume,
  validateUpdate: validateVolumeUpdate,
  warnings,
  selectableFields: { "spec.claimRef.name": (volume) => volume.spec?.claimRef?.name ?? "" },
  columns: [
    nameColumn,
    column("Capacity", (volume) => canonical(volume.spec?.capacity?.["storage"] ?? "0")),
    column("Access Modes", (volume) => accessModesCell(volume.spec?.accessModes)),
    column("Reclaim Policy", (volume) => volume.spec?.persistentVolumeReclaimPolicy ?? ""),
    column("Status", (volume) =>
      volume.metadata.deletionTimestamp ? "Terminating" : (volume.status?.phase ?? ""),
    ),
    column("Claim", ({ spec }) =>
      spec?.claimRef ? `${spec.claimRef.namespace ?? ""}/${spec.claimRef.name}` : "",
    ),
    column("StorageClass", volumeClassOf),
    column("VolumeAttributesClass", (volume) => volume.spec?.volumeAttributesClassName || "<unset>"),
    column("Reason", (volume) => volume.status?.reason ?? ""),
    ageColumn,
    wide(column("VolumeMode", (volume) => volume.spec?.volumeMode ?? "<unset>")),
  ],
});

function warnings({ metadata, spec }: PersistentVolume): string[] {
  const root = path("spec");
  const terms = root.child("nodeAffinity", "required", "nodeSelectorTerms");
  return [
    ...classAnnotationWarning(metadata),
    ...(spec?.persistentVolumeReclaimPolicy === "Recycle"
      ? [
          `${root.child("persistentVolumeReclaimPolicy").text}: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.`,
        ]
      : []),
    ...(spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      nodeTermWarnings(term, terms.index(i)),
    ),
    ...pluginWarnings(spec ?? {}, root),
  ];
}

const seconds = (now: Date): string => now.toISOString().replace(/\.\d+Z$/, "Z");

function setDefaults(volume: PersistentVolume): void {
  const { spec } = volume;
  volume.status = { ...volume.status, phase: volume.status?.phase || "Pending" };
  if (!spec) return;
  spec.persistentVolumeReclaimPolicy ||= "Retain";
  spec.volumeMode ??= "Filesystem";
  roundUp(spec.capacity);
  if (spec.hostPath) spec.hostPath.type ??= "";
  if (spec.iscsi) spec.iscsi.iscsiInterface ||= "default";
  if (spec.claimRef) {
    spec.claimRef.apiVersion ||= "v1";
    spec.claimRef.kind ||= "PersistentVolumeClaim";
  }
}
