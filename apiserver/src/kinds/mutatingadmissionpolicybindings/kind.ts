import type { MutatingAdmissionPolicyBinding } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { policyBindingColumns, setMatchDefaults, validatePolicyBinding } from "../shared/admission.ts";

const validate = ({ spec }: MutatingAdmissionPolicyBinding): FieldError[] =>
  validatePolicyBinding(spec, path("spec"));

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
  columns: policyBindingColumns<MutatingAdmissionPolicyBinding>(),
});
