import type { PodDisruptionBudget } from "@coracle/shared/api/generated/policy-v1.ts";
import { invalidValue, notSupported, path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, integerColumn, nameColumn } from "../shared/columns.ts";
import { validateLabelSelector } from "../shared/selector.ts";
import { notMoreThanAll, validateCounters, validateIntOrPercent } from "../shared/workload.ts";

const root = path("spec");

export const podDisruptionBudgets = defineKind<PodDisruptionBudget>({
  group: "policy",
  kind: "PodDisruptionBudget",
  shortNames: ["pdb"],
  namespaced: true,
  status: true,
  generation: true,
  unconditionalUpdate: false,
  prepareForCreate: (budget) => {
    budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  validate,
  validateUpdate: validate,
  validateStatusUpdate: (budget) =>
    validateCounters(
      budget.status,
      ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"],
      path("status"),
    ),
  columns: [
    nameColumn,
    column("Min Available", (budget) => String(budget.spec?.minAvailable ?? "N/A")),
    column("Max Unavailable", (budget) => String(budget.spec?.maxUnavailable ?? "N/A")),
    integerColumn("Allowed Disruptions", (budget) => budget.status?.disruptionsAllowed ?? 0),
    ageColumn,
  ],
});

function validate({ spec = {} }: PodDisruptionBudget): FieldError[] {
  const errors: FieldError[] = [];
  const { minAvailable, maxUnavailable, unhealthyPodEvictionPolicy: policy } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    errors.push(invalidValue(root, spec, "minAvailable and maxUnavailable cannot be both set"));
  for (const field of ["minAvailable", "maxUnavailable"] as const)
    errors.push(
      ...validateIntOrPercent(spec[field], root.child(field)),
      ...notMoreThanAll(spec[field], root.child(field)),
    );
  errors.push(...validateLabelSelector(spec.selector, root.child("selector")));
  const known = ["AlwaysAllow", "IfHealthyBudget"];
  if (policy !== undefined && !known.includes(policy))
    errors.push(notSupported(root.child("unhealthyPodEvictionPolicy"), policy, known));
  return errors;
}
