import type { ClusterRole } from "@coracle/shared/api/generated/rbac-v1.ts";
import { path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { nameColumn } from "../shared/columns.ts";
import { createdAtColumn, rbacGroup, validateRules } from "../shared/rbac.ts";
import { validateLabelSelector } from "../shared/selector.ts";

export const clusterRoles = defineKind<ClusterRole>({
  group: rbacGroup,
  kind: "ClusterRole",
  namespaced: false,
  nameRule: "pathSegment",
  createOnUpdate: true,
  validate,
  validateUpdate: validate,
  columns: [nameColumn, createdAtColumn],
});

function validate(role: ClusterRole): FieldError[] {
  const errors = validateRules(role.rules, false);
  if (!role.aggregationRule) return errors;
  const at = path("aggregationRule", "clusterRoleSelectors");
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0)
    errors.push(required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil"));
  selectors.forEach((selector, i) => errors.push(...validateLabelSelector(selector, at.index(i))));
  return errors;
}
