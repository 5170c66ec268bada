import type { Deployment } from "@coracle/shared/api/generated/apps-v1.ts";
import { path } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import {
  ageColumn,
  column,
  containerColumns,
  integerColumn,
  nameColumn,
  selectorCell,
  wide,
} from "../shared/columns.ts";
import { setPodTemplateDefaults } from "../shared/pod/defaults.ts";
import { nameWarning, templateWarnings } from "../shared/pod/warnings.ts";
import { selectorText } from "../shared/selector.ts";
import { validateImmutable } from "../shared/workload.ts";
import { validateDeployment, validateDeploymentStatus } from "./validate.ts";

export const deployments = defineKind<Deployment>({
  group: "apps",
  kind: "Deployment",
  shortNames: ["deploy"],
  categories: ["all"],
  namespaced: true,
  status: true,
  generation: true,
  generationOfAnnotations: true,
  metadataOutsideStatus: ["labels"],
  setDefaults,
  prepareForCreate: (deployment) => {
    deployment.status = {};
  },
  validate: validateDeployment,
  validateUpdate: (deployment, old) => [
    ...validateDeployment(deployment),
    ...validateImmutable(deployment.spec?.selector, old.spec?.selector, path("spec", "selector")),
  ],
  warnings: (deployment, old) => [
    ...nameWarning(deployment, old),
    ...templateWarnings(deployment.spec?.template, path("spec", "template"), deployment, old),
  ],
  validateStatusUpdate: validateDeploymentStatus,
  scale: {
    specReplicas: (d) => d.spec?.replicas ?? 0,
    setReplicas: (d, replicas) => {
      if (d.spec) d.spec.replicas = replicas;
    },
    statusReplicas: (d) => d.status?.replicas ?? 0,
    selector: (d) => selectorText(d.spec?.selector),
  },
  columns: [
    nameColumn,
    column("Ready", (d) => `${d.status?.readyReplicas ?? 0}/${d.spec?.replicas ?? 0}`),
    integerColumn("Up-to-date", (d) => d.status?.updatedReplicas ?? 0),
    integerColumn("Available", (d) => d.status?.availableReplicas ?? 0),
    ageColumn,
    ...containerColumns<Deployment>((d) => d.spec?.template?.spec?.containers),
    wide(column("Selector", (d) => selectorCell(d.spec?.selector))),
  ],
});

function setDefaults({ spec }: Deployment): void {
  if (!spec) return;
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  const strategy = (spec.strategy ??= {});
  strategy.type ||= "RollingUpdate";
  if (strategy.type === "RollingUpdate") {
    const rolling = (strategy.rollingUpdate ??= {});
    rolling.maxUnavailable ??= "25%";
    rolling.maxSurge ??= "25%";
  }
  setPodTemplateDefaults(spec.template);
}
