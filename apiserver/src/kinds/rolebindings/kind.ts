import type { RoleBinding } from "@coracle/shared/api/generated/rbac-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import {
  bindingColumns,
  rbacGroup,
  setBindingDefaults,
  validateBinding,
  validateBindingUpdate,
} from "../shared/rbac.ts";

export const roleBindings = defineKind<RoleBinding>({
  group: rbacGroup,
  kind: "RoleBinding",
  namespaced: true,
  nameRule: "pathSegment",
  createOnUpdate: true,
  setDefaults: setBindingDefaults,
  validate: (binding) => validateBinding(binding, true),
  validateUpdate: (binding, old) => validateBindingUpdate(binding, old, true),
  columns: bindingColumns,
});
