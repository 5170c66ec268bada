import type { Binding } from "@coracle/shared/api/generated/core-v1.ts";
import { invalidValue, notSupported, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, nameColumn } from "../shared/columns.ts";

/** Never stored: creating one binds the pod of that name. */
export const bindings = defineKind<Binding>({
  kind: "Binding",
  namespaced: true,
  verbs: ["create"],
  columns: [nameColumn, ageColumn],
  validate: validateBinding,
});

export function validateBinding({ target }: Binding): FieldError[] {
  const errors: FieldError[] = [];
  const at = path("target");
  if (target?.kind && target.kind !== "Node")
    errors.push(notSupported(at.child("kind"), target.kind, ["Node", "<empty>"]));
  if (!target?.name) errors.push(required(at.child("name")));
  else if (target.name.includes("/"))
    errors.push(invalidValue(at.child("name"), target.name, "may not contain '/'"));
  return errors;
}
