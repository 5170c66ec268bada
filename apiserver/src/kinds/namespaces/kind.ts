import type { Namespace } from "@coracle/shared/api/generated/core-v1.ts";
import { forbiddenField, invalidValue, path, type FieldError } from "../../registry/field.ts";
import { defineKind, type WriteContext } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { check, qualifiedName } from "../shared/names.ts";

const nameLabel = "kubernetes.io/metadata.name";
const finalizer = "kubernetes";

export const namespaces = defineKind<Namespace>({
  kind: "Namespace",
  shortNames: ["ns"],
  namespaced: false,
  nameRule: "dnsLabel",
  status: true,
  verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
  setDefaults,
  prepareForCreate,
  prepareForUpdate: (namespace, old, ctx) => {
    // Finalizers of the spec are written through /finalize only.
    if (ctx.subresource !== "finalize") namespace.spec = structuredClone(old.spec ?? {});
    setDefaults(namespace);
  },
  validate: validateFinalizers,
  validateUpdate: validateFinalizers,
  validateStatusUpdate: validateStatus,
  selectableFields: { "status.phase": (namespace) => namespace.status?.phase ?? "" },
  columns: [nameColumn, column("Status", (namespace) => namespace.status?.phase ?? ""), ageColumn],
  subresources: ["finalize"],
});

function setDefaults(namespace: Namespace): void {
  const { metadata } = namespace;
  if (metadata.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  if (namespace.status) namespace.status.phase ||= "Active";
}

/** The `kubernetes` finalizer holds a namespace until everything in it is gone. */
function prepareForCreate(namespace: Namespace, _ctx: WriteContext): void {
  namespace.status = { phase: "Active" };
  const finalizers = namespace.spec?.finalizers ?? [];
  namespace.spec = { finalizers: finalizers.includes(finalizer) ? finalizers : [...finalizers, finalizer] };
  setDefaults(namespace);
}

function validateFinalizers(namespace: Namespace): FieldError[] {
  const at = path("spec", "finalizers");
  return (namespace.spec?.finalizers ?? []).flatMap((name) => {
    const errors = check(qualifiedName, name, at);
    if (!name.includes("/") && name !== finalizer)
      errors.push(forbiddenField(at, "name is neither a standard finalizer name nor is it fully qualified"));
    return errors;
  });
}

function validateStatus({ metadata, status }: Namespace): FieldError[] {
  const at = path("status", "phase");
  const phase = status?.phase ?? "";
  if (metadata.deletionTimestamp)
    return phase === "Terminating"
      ? []
      : [invalidValue(at, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")];
  return phase === "Active"
    ? []
    : [invalidValue(at, phase, "may only be 'Active' if `deletionTimestamp` is empty")];
}
