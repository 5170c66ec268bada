import type { ClusterRoleBinding } from "@coracle/shared/api/generated/rbac-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import {
  bindingColumns,
  rbacGroup,
  setBindingDefaults,
  validateBinding,
  validateBindingUpdate,
} from "../shared/rbac.ts";

export const clusterRoleBindings = defineKind<ClusterRoleBinding>({
  group: rbacGroup,
  kind: "ClusterRoleBinding",
  namespaced: false,
  nameRule: "pathSegment",
  createOnUpdate: true,
  setDefaults: setBindingDefaults,
  validate: (binding) => validateBinding(binding, false),
  validateUpdate: (binding, old) => validateBindingUpdate(binding, old, false),
  columns: bindingColumns,
});
