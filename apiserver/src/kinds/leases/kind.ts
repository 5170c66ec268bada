import type { Lease } from "@coracle/shared/api/generated/coordination-v1.ts";
import { forbiddenField, invalidValue, path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { mustNotBeNegative } from "../shared/names.ts";

export const leases = defineKind<Lease>({
  group: "coordination.k8s.io",
  kind: "Lease",
  namespaced: true,
  createOnUpdate: true,
  unconditionalUpdate: false,
  validate,
  validateUpdate: validate,
  columns: [nameColumn, column("Holder", (lease) => lease.spec?.holderIdentity ?? ""), ageColumn],
});

function validate({ spec }: Lease): FieldError[] {
  const at = path("spec");
  const errors: FieldError[] = [];
  if (!spec) return errors;
  const { leaseDurationSeconds: seconds, leaseTransitions: transitions } = spec;
  if (seconds !== undefined && seconds <= 0)
    errors.push(invalidValue(at.child("leaseDurationSeconds"), seconds, "must be greater than 0"));
  if (transitions !== undefined && transitions < 0)
    errors.push(invalidValue(at.child("leaseTransitions"), transitions, mustNotBeNegative));
  if (spec.preferredHolder && !spec.strategy)
    errors.push(
      forbiddenField(
        at.child("preferredHolder"),
        "preferredHolder can only be specified when strategy is defined",
      ),
    );
  return errors;
}
