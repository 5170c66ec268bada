import type { ClusterRole, ClusterRoleBinding } from "@coracle/shared/api/generated/rbac-v1.ts";
import { checkBindingEscalation, checkRoleEscalation } from "../authz/escalation.ts";
import { objectOf, oldObjectOf, type AdmissionPlugin } from "./plugin.ts";

const group = "rbac.authorization.k8s.io";
const roles = new Set([`roles.${group}`, `clusterroles.${group}`]);
const bindings = new Set([`rolebindings.${group}`, `clusterrolebindings.${group}`]);

/** Nobody gives rights that they do not have. Part of the registry upstream; it cannot be switched off here either. */
export const rbacEscalation: AdmissionPlugin = {
  name: "RBACEscalation",
  handles: (a) =>
    (a.operation === "CREATE" || a.operation === "UPDATE") &&
    a.subresource === "" &&
    (roles.has(a.kind.storage) || bindings.has(a.kind.storage)),
  validate(a, { rbac, authorize }) {
    const parts = { rbac, authorize };
    if (roles.has(a.kind.storage)) {
      checkRoleEscalation(parts, a.user, objectOf<ClusterRole>(a), oldObjectOf<ClusterRole>(a));
    } else {
      checkBindingEscalation(
        parts,
        a.user,
        objectOf<ClusterRoleBinding>(a),
        oldObjectOf<ClusterRoleBinding>(a),
      );
    }
  },
};
