import type { CustomResourceDefinition } from "@coracle/shared/api/generated/apiextensions-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { nameColumn } from "../shared/columns.ts";
import { validate, validateStatusUpdate, validateUpdate } from "./validate.ts";

/** Held by a definition until its objects are gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

export const customResourceDefinitions = defineKind<CustomResourceDefinition>({
  group: "apiextensions.k8s.io",
  kind: "CustomResourceDefinition",
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  namespaced: false,
  status: true,
  metadataOutsideStatus: ["labels", "annotations", "finalizers", "ownerReferences"],
  generation: true,
  unconditionalUpdate: false,
  setDefaults,
  prepareForCreate: (definition) => {
    const storage = definition.spec?.versions?.find((version) => version.storage);
    definition.status = { storedVersions: storage ? [storage.name] : [] };
  },
  prepareForUpdate: (definition) => {
    const storage = definition.spec?.versions?.find((version) => version.storage)?.name;
    const stored = definition.status?.storedVersions ?? [];
    if (storage && !stored.includes(storage))
      definition.status = { ...definition.status, storedVersions: [...stored, storage] };
  },
  prepareForDelete: (definition) => {
    const finalizers = definition.metadata.finalizers ?? [];
    if (!finalizers.includes(cleanupFinalizer))
      definition.metadata.finalizers = [...finalizers, cleanupFinalizer];
  },
  validate,
  validateUpdate,
  validateStatusUpdate,
  columns: [
    nameColumn,
    { name: "Created At", type: "string", value: (d) => d.metadata.creationTimestamp ?? "" },
  ],
});

function setDefaults({ spec }: CustomResourceDefinition): void {
  if (!spec) return;
  const { names } = spec;
  if (names?.kind) {
    names.singular ||= names.kind.toLowerCase();
    names.listKind ||= `${names.kind}List`;
  }
  spec.conversion ??= { strategy: "None" };
  const { service } = spec.conversion.webhook?.clientConfig ?? {};
  if (service) service.port ??= 443;
}
