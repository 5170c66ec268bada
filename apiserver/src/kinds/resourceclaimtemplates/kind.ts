import type { ResourceClaimTemplate } from "@coracle/shared/api/generated/resource-v1.ts";
import { path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, nameColumn } from "../shared/columns.ts";
import { adminAccessOf, validateAdminAccess } from "../shared/dra/admin-access.ts";
import { setClaimDefaults, validateClaimSpec } from "../shared/dra/claim.ts";
import { check, qualifiedName } from "../shared/names.ts";
import { validateLabels } from "../shared/selector.ts";
import { validateImmutable } from "../shared/workload.ts";

const root = path("spec");

/** From what the claims of pods are made, one for each pod. */
export const resourceClaimTemplates = defineKind<ResourceClaimTemplate>({
  group: "resource.k8s.io",
  kind: "ResourceClaimTemplate",
  namespaced: true,
  returnDeleted: true,
  setDefaults: ({ spec }) => setClaimDefaults(spec?.spec),
  prepareForCreate: ({ spec }) => {
    // Of the claim's metadata a template gives labels and annotations alone.
    if (!spec?.metadata) return;
    const { labels, annotations } = spec.metadata;
    spec.metadata = { ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
  },
  validate: (template, ctx) => [
    ...validateAdminAccess(adminAccessOf(template.spec?.spec?.devices), ctx),
    ...validateSpec(template),
  ],
  // What may not change need not be judged again.
  validateUpdate: (template, old) => validateImmutable(template.spec, old.spec, root),
  columns: [nameColumn, ageColumn],
});

function validateSpec({ spec }: ResourceClaimTemplate): FieldError[] {
  const metadata = root.child("metadata");
  return [
    ...validateLabels(spec?.metadata?.labels, metadata.child("labels")),
    ...Object.keys(spec?.metadata?.annotations ?? {}).flatMap((key) =>
      check(qualifiedName, key.toLowerCase(), metadata.child("annotations")),
    ),
    ...validateClaimSpec(spec?.spec, root.child("spec")),
  ];
}
