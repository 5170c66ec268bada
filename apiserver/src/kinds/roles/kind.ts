import type { Role } from "@coracle/shared/api/generated/rbac-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { nameColumn } from "../shared/columns.ts";
import { createdAtColumn, rbacGroup, validateRules } from "../shared/rbac.ts";

export const roles = defineKind<Role>({
  group: rbacGroup,
  kind: "Role",
  namespaced: true,
  nameRule: "pathSegment",
  createOnUpdate: true,
  validate: (role) => validateRules(role.rules, true),
  validateUpdate: (role) => validateRules(role.rules, true),
  columns: [nameColumn, createdAtColumn],
});
