import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from "@coracle/shared/api/generated/rbac-v1.ts";
import { serviceAccountUser } from "../authn/groups.ts";
import type { Decision } from "../registry/registry.ts";
import type { RequestInfo, UserInfo } from "../request.ts";
import type { CachedObject, CacheEvent, WatchCache } from "../watch/cache.ts";
import { ruleAllows } from "./rules.ts";

/** A binding as it is looked up: who by, and which role it gives. */
export interface Grant {
  /** "" for the whole cluster. */
  readonly namespace: string;
  readonly binding: string;
  readonly role: RoleRef;
  readonly subject: Subject;
}

/** Role-based access control on an index of roles and bindings that follows the cache. */
export interface Rbac {
  authorize(user: UserInfo, info: RequestInfo): Decision;
  /** The grants of a user that hold in a namespace ("" for cluster-wide ones alone). */
  grants(user: UserInfo, namespace: string): Iterable<Grant>;
  /** The rules of the role that a binding in `namespace` refers to; undefined when there is no such role. */
  rules(ref: Pick<RoleRef, "kind" | "name">, namespace: string): readonly PolicyRule[] | undefined;
  close(): void;
}

const group = "rbac.authorization.k8s.io";
const storage = {
  roles: `roles.${group}`,
  clusterRoles: `clusterroles.${group}`,
  bindings: `rolebindings.${group}`,
  clusterBindings: `clusterrolebindings.${group}`,
} as const;

export function createRbac(cache: Pick<WatchCache, "all" | "onChange">): Rbac {
  /** `namespace/name`, the namespace empty for ClusterRoles. */
  const roles = new Map<string, readonly PolicyRule[]>();
  /** `namespace|subject` → its grants by binding. */
  const grants = new Map<string, Map<string, Grant>>();

  const index = (object: CachedObject, present: boolean): void => {
    const { resource, namespace, name } = object.key;
    if (resource === storage.roles || resource === storage.clusterRoles) {
      const { rules } = object.object as unknown as Role | ClusterRole;
      if (present) roles.set(`${namespace}/${name}`, rules ?? []);
      else roles.delete(`${namespace}/${name}`);
      return;
    }
    const { subjects, roleRef } = object.object as unknown as RoleBinding | ClusterRoleBinding;
    for (const subject of subjects ?? []) {
      const id = `${namespace}|${subjectId(subject, namespace)}`;
      const of = grants.get(id) ?? new Map<string, Grant>();
      if (present) grants.set(id, of.set(name, { namespace, binding: name, role: roleRef, subject }));
      else if (of.delete(name) && of.size === 0) grants.delete(id);
    }
  };

  const watched = new Set<string>(Object.values(storage));
  const onChange = ({ current, previous, type }: CacheEvent): void => {
    if (!watched.has(current.key.resource)) return;
    if (previous) index(previous, false);
    if (type !== "DELETED") index(current, true);
  };
  const close = cache.onChange(onChange);
  for (const resource of watched) for (const object of cache.all(resource)) index(object, true);

  const rules: Rbac["rules"] = (ref, namespace) =>
    roles.get(ref.kind === "ClusterRole" ? `/${ref.name}` : `${namespace}/${ref.name}`);

  function* grantsOf(user: UserInfo, namespace: string): Generator<Grant> {
    const subjects = [`User:${user.username}`, ...user.groups.map((g) => `Group:${g}`)];
    for (const within of namespace ? ["", namespace] : [""]) {
      for (const subject of subjects) yield* grants.get(`${within}|${subject}`)?.values() ?? [];
    }
  }

  return {
    authorize(user, info) {
      const missing: string[] = [];
      for (const grant of grantsOf(user, info.isResource ? info.namespace : "")) {
        const allowed = rules(grant.role, grant.namespace);
        if (!allowed)
          missing.push(`${grant.role.kind.toLowerCase()}.${group} "${grant.role.name}" not found`);
        else if (allowed.some((rule) => ruleAllows(rule, info)))
          return { allowed: true, reason: reasonOf(grant) };
      }
      const errors = [...new Set(missing)];
      if (errors.length === 0) return { allowed: false, reason: "" };
      return {
        allowed: false,
        reason: `RBAC: ${errors.length === 1 ? errors[0] : `[${errors.join(", ")}]`}`,
      };
    },
    grants: grantsOf,
    rules,
    close,
  };
}

/** ServiceAccounts are indexed as the users they are. */
function subjectId(subject: Subject, bindingNamespace: string): string {
  if (subject.kind !== "ServiceAccount") return `${subject.kind}:${subject.name}`;
  return `User:${serviceAccountUser(subject.namespace ?? bindingNamespace, subject.name)}`;
}

function reasonOf({ namespace, binding, role, subject }: Grant): string {
  const kind = namespace ? "RoleBinding" : "ClusterRoleBinding";
  const name = namespace ? `${binding}/${namespace}` : binding;
  const who =
    subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace ?? namespace}` : subject.name;
  return `RBAC: allowed by ${kind} ${JSON.stringify(name)} of ${role.kind} ${JSON.stringify(role.name)} to ${subject.kind} ${JSON.stringify(who)}`;
}
