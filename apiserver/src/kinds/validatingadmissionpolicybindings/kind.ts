import type { ValidatingAdmissionPolicyBinding } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import {
  duplicate,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { policyBindingColumns, setMatchDefaults, validatePolicyBinding } from "../shared/admission.ts";

const root = path("spec");
const actions = ["Audit", "Deny", "Warn"];

export const validatingAdmissionPolicyBindings = defineKind<ValidatingAdmissionPolicyBinding>({
  group: "admissionregistration.k8s.io",
  kind: "ValidatingAdmissionPolicyBinding",
  categories: ["api-extensions"],
  namespaced: false,
  generation: true,
  unconditionalUpdate: false,
  setDefaults: ({ spec }) => setMatchDefaults(spec?.matchResources),
  validate,
  validateUpdate: validate,
  columns: policyBindingColumns<ValidatingAdmissionPolicyBinding>(),
});

function validate({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const errors = validatePolicyBinding(spec, root);
  const given = spec?.validationActions ?? [];
  const at = root.child("validationActions");
  if (given.length === 0) errors.push(required(at, "at least one validation action is required"));
  given.forEach((action, i) => {
    if (!actions.includes(action)) errors.push(notSupported(at.index(i), action, actions));
    if (given.indexOf(action) !== i) errors.push(duplicate(at.index(i), action));
  });
  if (given.includes("Deny") && given.includes("Warn"))
    errors.push(
      invalidValue(
        at,
        given,
        "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
      ),
    );
  return errors;
}
