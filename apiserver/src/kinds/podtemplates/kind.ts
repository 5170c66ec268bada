import type { PodTemplate } from "@coracle/shared/api/generated/core-v1.ts";
import { path } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { column, labelsCell, nameColumn } from "../shared/columns.ts";
import { setPodTemplateDefaults } from "../shared/pod/defaults.ts";
import { validatePodTemplate } from "../shared/pod/validate-spec.ts";
import { templateWarnings } from "../shared/pod/warnings.ts";

export const podTemplates = defineKind<PodTemplate>({
  kind: "PodTemplate",
  namespaced: true,
  generation: true,
  returnDeleted: true,
  setDefaults: (object) => setPodTemplateDefaults(object.template),
  validate: (object) => validatePodTemplate(object.template, path("template")),
  validateUpdate: (object) => validatePodTemplate(object.template, path("template")),
  warnings: (object, old) => templateWarnings(object.template, path("template"), object, old),
  columns: [
    nameColumn,
    column("Containers", (o) => (o.template?.spec?.containers ?? []).map((c) => c.name).join(",")),
    column("Images", (o) => (o.template?.spec?.containers ?? []).map((c) => c.image ?? "").join(",")),
    column("Pod Labels", (o) => labelsCell(o.template?.metadata?.labels)),
  ],
});
