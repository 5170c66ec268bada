import type { StatefulSet } from "@coracle/shared/api/generated/apps-v1.ts";
import { path } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { claimWarnings } from "../shared/claim.ts";
import { ageColumn, column, containerColumns, nameColumn } from "../shared/columns.ts";
import { setPodTemplateDefaults } from "../shared/pod/defaults.ts";
import { setClaimSpecDefaults } from "../shared/pod/volume-defaults.ts";
import { templateWarnings } from "../shared/pod/warnings.ts";
import { selectorText } from "../shared/selector.ts";
import { validateStatefulSet, validateStatefulSetStatus, validateStatefulSetUpdate } from "./validate.ts";

export const statefulSets = defineKind<StatefulSet>({
  group: "apps",
  kind: "StatefulSet",
  shortNames: ["sts"],
  categories: ["all"],
  namespaced: true,
  status: true,
  generation: true,
  setDefaults,
  prepareForCreate: (set) => {
    set.status = { replicas: 0, availableReplicas: 0 };
  },
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  warnings,
  validateStatusUpdate: validateStatefulSetStatus,
  scale: {
    specReplicas: (set) => set.spec?.replicas ?? 0,
    setReplicas: (set, replicas) => {
      if (set.spec) set.spec.replicas = replicas;
    },
    statusReplicas: (set) => set.status?.replicas ?? 0,
    selector: (set) => selectorText(set.spec?.selector),
  },
  columns: [
    nameColumn,
    column("Ready", (set) => `${set.status?.readyReplicas ?? 0}/${set.spec?.replicas ?? 0}`),
    ageColumn,
    ...containerColumns<StatefulSet>((set) => set.spec?.template?.spec?.containers),
  ],
});

function warnings(set: StatefulSet, old: StatefulSet | undefined): string[] {
  const root = path("spec");
  const { template, volumeClaimTemplates = [], revisionHistoryLimit = 0 } = set.spec ?? {};
  return [
    ...templateWarnings(template, root.child("template"), set, old),
    ...volumeClaimTemplates.flatMap((claim, i) =>
      claimWarnings(claim.spec, root.child("volumeClaimTemplates").index(i)),
    ),
    ...(revisionHistoryLimit < 0
      ? [
          `${root.child("revisionHistoryLimit").text}: a negative value retains all historical revisions; a value >= 0 is recommended`,
        ]
      : []),
  ];
}

function setDefaults({ spec }: StatefulSet): void {
  if (!spec) return;
  spec.podManagementPolicy ||= "OrderedReady";
  const strategy = (spec.updateStrategy ??= {});
  strategy.type ||= "RollingUpdate";
  if (strategy.type === "RollingUpdate") {
    strategy.rollingUpdate ??= {};
    strategy.rollingUpdate.partition ??= 0;
  }
  const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {});
  retention.whenDeleted ||= "Retain";
  retention.whenScaled ||= "Retain";
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  setPodTemplateDefaults(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ??= "v1";
    claim.kind ??= "PersistentVolumeClaim";
    if (claim.spec) setClaimSpecDefaults(claim.spec);
    claim.status = { ...claim.status, phase: claim.status?.phase || "Pending" };
  }
}
