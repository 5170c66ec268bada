import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  Validation,
} from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import {
  duplicate,
  invalidValue,
  notSupported,
  path,
  required,
  tooMany,
  type FieldError,
} from "../../registry/field.ts";
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
import { check, qualifiedName } from "../shared/names.ts";

const root = path("spec");

export const validatingAdmissionPolicies = defineKind<ValidatingAdmissionPolicy>({
  group: "admissionregistration.k8s.io",
  kind: "ValidatingAdmissionPolicy",
  plural: "validatingadmissionpolicies",
  categories: ["api-extensions"],
  namespaced: false,
  status: true,
  generation: true,
  unconditionalUpdate: false,
  setDefaults: ({ spec }) => {
    if (!spec) return;
    spec.failurePolicy ??= "Fail";
    setMatchDefaults(spec.matchConstraints);
  },
  prepareForCreate: (policy) => {
    policy.status = {};
  },
  validate,
  validateUpdate: validate,
  columns: [
    nameColumn,
    integerColumn("Validations", (policy) => policy.spec?.validations?.length ?? 0),
    column("ParamKind", (policy) => paramKindCell(policy.spec?.paramKind)),
    ageColumn,
  ],
});

function validate({ spec = {} }: ValidatingAdmissionPolicy): FieldError[] {
  const errors = [
    ...validateFailurePolicy(spec.failurePolicy, root.child("failurePolicy")),
    ...validateParamKind(spec.paramKind, root.child("paramKind")),
    ...validateMatchConditions(spec.matchConditions, root.child("matchConditions")),
    ...validateVariables(spec.variables, root.child("variables")),
  ];
  const constraints = spec.matchConstraints;
  const at = root.child("matchConstraints");
  if (!constraints) errors.push(required(at));
  else {
    errors.push(...validateMatchResources(constraints, at));
    if (!constraints.resourceRules?.length) errors.push(required(at.child("resourceRules")));
  }
  const declared = (spec.variables ?? []).map(({ name }) => name);
  const validations = spec.validations ?? [];
  const annotations = spec.auditAnnotations ?? [];
  if (validations.length === 0 && annotations.length === 0) {
    errors.push(required(root.child("validations"), "validations or auditAnnotations must be specified"));
    errors.push(
      required(root.child("auditAnnotations"), "validations or auditAnnotations must be specified"),
    );
  }
  validations.forEach((validation, i) => errors.push(...validateValidation(validation, i, declared)));
  if (annotations.length > 20) errors.push(tooMany(root.child("auditAnnotations"), annotations.length, 20));
  return [...errors, ...validateAnnotations(annotations, declared)];
}

const reasons = ["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];

function validateValidation(
  validation: Partial<Validation>,
  i: number,
  declared: readonly string[],
): FieldError[] {
  const at = root.child("validations").index(i);
  const errors: FieldError[] = [];
  const { expression = "", message = "", messageExpression = "", reason } = validation;
  if (!expression.trim()) errors.push(required(at.child("expression"), "expression is not specified"));
  else errors.push(...validateExpression(expression, "bool", at.child("expression"), declared));
  if (messageExpression.trim())
    errors.push(...validateExpression(messageExpression, "string", at.child("messageExpression"), declared));
  if (messageExpression && !messageExpression.trim())
    errors.push(
      invalidValue(at.child("messageExpression"), messageExpression, "must be non-empty if specified"),
    );
  if (message && !message.trim())
    errors.push(invalidValue(at.child("message"), message, "message must be non-empty if specified"));
  else if (message.includes("\n"))
    errors.push(invalidValue(at.child("message"), message, "message must not contain line breaks"));
  else if (!message && expression.includes("\n"))
    errors.push(
      required(at.child("message"), "message must be specified if expression contains line breaks"),
    );
  if (reason !== undefined && !reasons.includes(reason))
    errors.push(notSupported(at.child("reason"), reason, reasons));
  return errors;
}

function validateAnnotations(
  annotations: readonly AuditAnnotation[],
  declared: readonly string[],
): FieldError[] {
  const seen = new Set<string>();
  return annotations.flatMap((annotation, i) => {
    const at = root.child("auditAnnotations").index(i);
    const errors = check(qualifiedName, annotation.key ?? "", at.child("key"));
    if (seen.has(annotation.key)) errors.push(duplicate(at.child("key"), annotation.key));
    seen.add(annotation.key);
    if (!annotation.valueExpression?.trim())
      errors.push(required(at.child("valueExpression"), "valueExpression is not specified"));
    else
      errors.push(
        ...validateExpression(annotation.valueExpression, "any", at.child("valueExpression"), declared),
      );
    return errors;
  });
}
