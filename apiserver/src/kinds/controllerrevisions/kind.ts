import type { ControllerRevision } from "@coracle/shared/api/generated/apps-v1.ts";
import { path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, integerColumn, nameColumn, none } from "../shared/columns.ts";
import { validateImmutable, validateNonNegative } from "../shared/workload.ts";

export const controllerRevisions = defineKind<ControllerRevision>({
  group: "apps",
  kind: "ControllerRevision",
  namespaced: true,
  validate,
  validateUpdate: (next, old) => [...validate(next), ...validateImmutable(next.data, old.data, path("data"))],
  columns: [
    nameColumn,
    column("Controller", controllerCell),
    integerColumn("Revision", (revision) => revision.revision ?? 0),
    ageColumn,
  ],
});

function validate(revision: ControllerRevision): FieldError[] {
  const errors = revision.data === undefined ? [required(path("data"), "data is mandatory")] : [];
  return [...errors, ...validateNonNegative(revision.revision, path("revision"))];
}

/** The owner as clients name it: `daemonset.apps/proxy`. */
function controllerCell({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find((o) => o.controller);
  if (!owner) return none;
  const [group, version] = (owner.apiVersion ?? "").split("/");
  const kind = (owner.kind ?? "").toLowerCase();
  return version === undefined ? `${kind}/${owner.name}` : `${kind}.${group}/${owner.name}`;
}
