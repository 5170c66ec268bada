import type { IngressClass } from "@coracle/shared/api/generated/networking-v1.ts";
import {
  forbiddenField,
  notSupported,
  path,
  required,
  tooLong,
  type FieldError,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn, none } from "../shared/columns.ts";
import { check, domainPrefixedPath, dnsSubdomain } from "../shared/names.ts";
import { validateImmutable } from "../shared/workload.ts";

const root = path("spec");

export const ingressClasses = defineKind<IngressClass>({
  group: "networking.k8s.io",
  kind: "IngressClass",
  plural: "ingressclasses",
  namespaced: false,
  generation: true,
  setDefaults: ({ spec }) => {
    if (spec?.parameters) spec.parameters.scope ??= "Cluster";
  },
  validate,
  validateUpdate: (next, old) => [
    ...validate(next),
    ...validateImmutable(next.spec?.controller, old.spec?.controller, root.child("controller")),
  ],
  columns: [
    nameColumn,
    column("Controller", (cls) => cls.spec?.controller ?? ""),
    column("Parameters", parametersCell),
    ageColumn,
  ],
});

function parametersCell({ spec }: IngressClass): string {
  const parameters = spec?.parameters;
  if (!parameters) return none;
  const group = parameters.apiGroup ? `.${parameters.apiGroup}` : "";
  return `${parameters.kind}${group}/${parameters.name}`;
}

function validate({ spec = {} }: IngressClass): FieldError[] {
  const at = root.child("controller");
  const controller = spec.controller ?? "";
  const errors = domainPrefixedPath(controller, root.child("controller"));
  if (controller.length > 250) errors.push(tooLong(at, 250));
  const parameters = spec.parameters;
  if (!parameters) return errors;
  const where = root.child("parameters");
  if (parameters.apiGroup !== undefined)
    errors.push(...check(dnsSubdomain, parameters.apiGroup, where.child("apiGroup")));
  if (!parameters.kind) errors.push(required(where.child("kind"), "kind is required"));
  if (!parameters.name) errors.push(required(where.child("name"), "name is required"));
  switch (parameters.scope) {
    case "Namespace":
      if (!parameters.namespace)
        errors.push(required(where.child("namespace"), "`parameters.scope` is set to 'Namespace'"));
      break;
    case "Cluster":
      if (parameters.namespace !== undefined)
        errors.push(forbiddenField(where.child("namespace"), "`parameters.scope` is set to 'Cluster'"));
      break;
    default:
      errors.push(
        parameters.scope === undefined
          ? required(where.child("scope"))
          : notSupported(where.child("scope"), parameters.scope, ["Cluster", "Namespace"]),
      );
  }
  return errors;
}
