import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
} from "@coracle/shared/api/generated/rbac-v1.ts";
import { forbidden, notFound, type ApiError } from "@coracle/shared/errors.ts";
import { equal } from "../patch/json.ts";
import { mastersGroup } from "../authn/groups.ts";
import type { Authorize } from "../registry/registry.ts";
import type { RequestInfo, UserInfo } from "../request.ts";
import type { Rbac } from "./rbac.ts";
import { printRule, uncovered } from "./rules.ts";

const group = "rbac.authorization.k8s.io";

export interface EscalationParts {
  readonly rbac: Rbac;
  readonly authorize: Authorize;
}

const may = (
  { authorize }: EscalationParts,
  user: UserInfo,
  ask: { verb: string; resource: string; namespace: string; name: string },
): boolean => {
  const info: RequestInfo = { isResource: true, path: "", group, version: "v1", subresource: "", ...ask };
  return user.groups.includes(mastersGroup) || authorize(user, info).allowed;
};

/**
 * Nobody may write a role that gives more than they have themselves, unless they may `escalate` it.
 * @throws ApiError 403
 */
export function checkRoleEscalation(
  parts: EscalationParts,
  user: UserInfo,
  role: Role | ClusterRole,
  old: Role | ClusterRole | undefined,
): void {
  const namespace = role.metadata.namespace ?? "";
  const resource = namespace ? "roles" : "clusterroles";
  const name = role.metadata.name ?? "";
  if (old && changesOnlyBookkeeping(old, role)) return;
  if (may(parts, user, { verb: "escalate", resource, namespace, name })) return;
  const refuse = forbiddenFor(resource, name);
  demand(parts, user, role.rules ?? [], namespace, refuse);
  // An aggregated role takes rules from roles yet to come: only who has everything may make one.
  if (aggregationOf(old) === aggregationOf(role)) return;
  demand(parts, user, everything, "", () =>
    refuse("must have cluster-admin privileges to use the aggregationRule"),
  );
}

/**
 * Nobody may bind a role that gives more than they have themselves, unless they may `bind` it.
 * @throws ApiError 403
 */
export function checkBindingEscalation(
  parts: EscalationParts,
  user: UserInfo,
  binding: RoleBinding | ClusterRoleBinding,
  old: RoleBinding | ClusterRoleBinding | undefined,
): void {
  const namespace = binding.metadata.namespace ?? "";
  const resource = namespace ? "rolebindings" : "clusterrolebindings";
  const { roleRef } = binding;
  if (old && changesOnlyBookkeeping(old, binding)) return;
  const bound = roleRef.kind === "ClusterRole" ? "clusterroles" : "roles";
  if (may(parts, user, { verb: "bind", resource: bound, namespace, name: roleRef.name })) return;
  const refuse = forbiddenFor(resource, binding.metadata.name ?? "");
  const rules = parts.rbac.rules(roleRef, namespace);
  if (!rules) throw notFound({ group, resource: bound }, roleRef.name);
  demand(parts, user, rules, namespace, refuse);
}

const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

type Refuse = (why: string) => ApiError;
const forbiddenFor =
  (resource: string, name: string): Refuse =>
  (why) =>
    forbidden({ group, resource }, name, why);

function demand(
  { rbac }: EscalationParts,
  user: UserInfo,
  wanted: readonly PolicyRule[],
  namespace: string,
  refuse: Refuse,
): void {
  if (user.groups.includes(mastersGroup)) return;
  const owned: PolicyRule[] = [];
  for (const grant of rbac.grants(user, namespace))
    owned.push(...(rbac.rules(grant.role, grant.namespace) ?? []));
  const missing = uncovered(owned, wanted);
  if (missing.length === 0) return;
  const groups = user.groups.map((g) => JSON.stringify(g)).join(" ");
  throw refuse(
    `user ${JSON.stringify(user.username)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${missing.map(printRule).join("\n")}`,
  );
}

type RbacObject = Role | ClusterRole | RoleBinding | ClusterRoleBinding;

/** Owners and finalizers may be taken off by anybody who may write, so that the garbage collector can. */
function changesOnlyBookkeeping(old: RbacObject, next: RbacObject): boolean {
  const rest = ({ metadata, ...content }: RbacObject): object => {
    const {
      ownerReferences: _,
      finalizers: __,
      managedFields: ___,
      resourceVersion: ____,
      ...meta
    } = metadata;
    return { ...content, metadata: meta };
  };
  return equal(rest(old), rest(next));
}

const aggregationOf = (role: Role | ClusterRole | undefined): string =>
  JSON.stringify(role && "aggregationRule" in role ? (role.aggregationRule ?? null) : null);
