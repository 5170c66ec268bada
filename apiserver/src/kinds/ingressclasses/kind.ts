import type {
  IngressClass,
  IngressClassParametersReference,
} from "@coracle/shared/api/generated/networking-v1.ts";
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
import { check, dnsLabel, domainPrefixedPath } from "../shared/names.ts";
import { validateTypedReference } from "../shared/reference.ts";
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
  const errors = controller.length > 250 ? [tooLong(at, 250)] : [];
  errors.push(...domainPrefixedPath(controller, at));
  return spec.parameters ? [...errors, ...validateParameters(spec.parameters)] : errors;
}

function validateParameters(parameters: IngressClassParametersReference): FieldError[] {
  const at = root.child("parameters");
  const errors = validateTypedReference(parameters, at);
  const { scope, namespace } = parameters;
  const where = at.child("namespace");
  if (scope === undefined) errors.push(required(at.child("scope")));
  else if (scope === "Namespace") {
    if (namespace === undefined) errors.push(required(where, "`parameters.scope` is set to 'Namespace'"));
    else errors.push(...check(dnsLabel, namespace, where));
  } else if (scope === "Cluster") {
    if (namespace !== undefined) errors.push(forbiddenField(where, "`parameters.scope` is set to 'Cluster'"));
  } else errors.push(notSupported(at.child("scope"), scope, ["Cluster", "Namespace"]));
  return errors;
}
