import type {
  MutatingAdmissionPolicy,
  Mutation,
} from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { forbiddenField, notSupported, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import {
  paramKindCell,
  setMatchDefaults,
  validateExpression,
  validateFailurePolicy,
  validateMatchConditions,
  validateMatchResources,
  validateParamKind,
  validateVariables,
} from "../shared/admission.ts";
import { ageColumn, column, integerColumn, nameColumn } from "../shared/columns.ts";

const root = path("spec");

export const mutatingAdmissionPolicies = defineKind<MutatingAdmissionPolicy>({
  group: "admissionregistration.k8s.io",
  kind: "MutatingAdmissionPolicy",
  plural: "mutatingadmissionpolicies",
  categories: ["api-extensions"],
  namespaced: false,
  generation: true,
  unconditionalUpdate: false,
  setDefaults: ({ spec }) => {
    if (!spec) return;
    spec.failurePolicy ??= "Fail";
    spec.reinvocationPolicy ??= "Never";
    setMatchDefaults(spec.matchConstraints);
  },
  validate,
  validateUpdate: validate,
  columns: [
    nameColumn,
    integerColumn("Mutations", (policy) => policy.spec?.mutations?.length ?? 0),
    column("ParamKind", (policy) => paramKindCell(policy.spec?.paramKind)),
    ageColumn,
  ],
});

function validate({ spec = {} }: MutatingAdmissionPolicy): FieldError[] {
  const errors = [
    ...validateFailurePolicy(spec.failurePolicy, root.child("failurePolicy")),
    ...validateParamKind(spec.paramKind, root.child("paramKind")),
    ...validateMatchConditions(spec.matchConditions, root.child("matchConditions")),
    ...validateVariables(spec.variables, root.child("variables")),
  ];
  const at = root.child("matchConstraints");
  if (!spec.matchConstraints) errors.push(required(at));
  else {
    errors.push(...validateMatchResources(spec.matchConstraints, at));
    if (!spec.matchConstraints.resourceRules?.length) errors.push(required(at.child("resourceRules")));
  }
  const declared = (spec.variables ?? []).map(({ name }) => name);
  const mutations = spec.mutations ?? [];
  if (mutations.length === 0)
    errors.push(required(root.child("mutations"), "mutations must contain at least one item"));
  mutations.forEach((mutation, i) => errors.push(...validateMutation(mutation, i, declared)));
  const policies = ["IfNeeded", "Never"];
  if (!spec.reinvocationPolicy) errors.push(required(root.child("reinvocationPolicy")));
  else if (!policies.includes(spec.reinvocationPolicy))
    errors.push(notSupported(root.child("reinvocationPolicy"), spec.reinvocationPolicy, policies));
  return errors;
}

function validateMutation(mutation: Mutation, i: number, declared: readonly string[]): FieldError[] {
  const at = root.child("mutations").index(i);
  const fields = { ApplyConfiguration: "applyConfiguration", JSONPatch: "jsonPatch" } as const;
  const types = Object.keys(fields);
  if (!mutation.patchType) return [required(at.child("patchType"))];
  if (!types.includes(mutation.patchType))
    return [notSupported(at.child("patchType"), mutation.patchType, types)];
  const [mine, other] =
    mutation.patchType === "JSONPatch"
      ? ([fields.JSONPatch, fields.ApplyConfiguration] as const)
      : ([fields.ApplyConfiguration, fields.JSONPatch] as const);
  const errors: FieldError[] = [];
  if (mutation[other])
    errors.push(
      forbiddenField(at.child(other), `must not be specified when patchType is ${mutation.patchType}`),
    );
  if (!mutation[mine])
    errors.push(required(at.child(mine), `must be specified when patchType is ${mutation.patchType}`));
  else if (!mutation[mine].expression?.trim()) errors.push(required(at.child(mine, "expression")));
  else {
    const where = at.child(mine, "expression");
    errors.push(...validateExpression(mutation[mine].expression, "any", where, declared));
  }
  return errors;
}
