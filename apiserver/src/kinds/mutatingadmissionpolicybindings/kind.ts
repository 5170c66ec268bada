import type { MutatingAdmissionPolicyBinding } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import {
  paramRefCell,
  setMatchDefaults,
  validateMatchResources,
  validateParamRef,
} from "../shared/admission.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { check, dnsSubdomain } from "../shared/names.ts";

const root = path("spec");

export const mutatingAdmissionPolicyBindings = defineKind<MutatingAdmissionPolicyBinding>({
  group: "admissionregistration.k8s.io",
  kind: "MutatingAdmissionPolicyBinding",
  categories: ["api-extensions"],
  namespaced: false,
  generation: true,
  unconditionalUpdate: false,
  setDefaults: ({ spec }) => setMatchDefaults(spec?.matchResources),
  validate,
  validateUpdate: validate,
  columns: [
    nameColumn,
    column("PolicyName", (binding) => binding.spec?.policyName ?? ""),
    column("ParamRef", (binding) => paramRefCell(binding.spec?.paramRef)),
    ageColumn,
  ],
});

function validate({ spec }: MutatingAdmissionPolicyBinding): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec?.policyName) errors.push(required(root.child("policyName")));
  else errors.push(...check(dnsSubdomain, spec.policyName, root.child("policyName")));
  errors.push(...validateParamRef(spec?.paramRef, root.child("paramRef")));
  if (spec?.matchResources)
    errors.push(...validateMatchResources(spec.matchResources, root.child("matchResources")));
  return errors;
}
