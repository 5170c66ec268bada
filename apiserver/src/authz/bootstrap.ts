import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from "@coracle/shared/api/generated/rbac-v1.ts";
import type { WatchCache } from "../watch/cache.ts";
import { componentRoles } from "./bootstrap-components.ts";
import { controllerRules } from "./bootstrap-controllers.ts";
import { userRoles, type RoleDeclaration } from "./bootstrap-roles.ts";
import { may, read } from "./bootstrap-rule.ts";
import { compact, uncovered } from "./rules.ts";

export type RbacObject = ClusterRole | ClusterRoleBinding | Role | RoleBinding;

const group = "rbac.authorization.k8s.io";
const apiVersion = `${group}/v1`;
const autoupdate = "rbac.authorization.kubernetes.io/autoupdate";
const label = { "kubernetes.io/bootstrapping": "rbac-defaults" };

const metadata = (name: string, namespace?: string, labels: Readonly<Record<string, string>> = {}) => ({
  name,
  ...(namespace ? { namespace } : {}),
  labels: { ...label, ...labels },
  annotations: { [autoupdate]: "true" },
});
const user = (name: string): Subject => ({ kind: "User", apiGroup: group, name });
const groupSubject = (name: string): Subject => ({ kind: "Group", apiGroup: group, name });
const account = (name: string): Subject => ({ kind: "ServiceAccount", name, namespace: "kube-system" });

const clusterRole = ({ name, rules, labels, aggregates }: RoleDeclaration): ClusterRole => ({
  apiVersion,
  kind: "ClusterRole",
  metadata: metadata(name, undefined, labels),
  ...(aggregates
    ? { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregates]: "true" } }] } }
    : {}),
  rules: aggregates ? aggregated(aggregates) : compact(rules ?? []),
});

/** The rules that the aggregation controller would come to; given at once, so that the roles work before it runs. */
function aggregated(aggregates: string): PolicyRule[] {
  const rules: PolicyRule[] = [];
  for (const role of userRoles) {
    if (role.labels?.[aggregates] !== "true") continue;
    rules.push(...(role.aggregates ? aggregated(role.aggregates) : (role.rules ?? [])));
  }
  return rules;
}

const bind = (name: string, role: string, subjects: Subject[]): ClusterRoleBinding => ({
  apiVersion,
  kind: "ClusterRoleBinding",
  metadata: metadata(name),
  roleRef: { apiGroup: group, kind: "ClusterRole", name: role },
  subjects,
});

const everybody = groupSubject("system:authenticated");
const manager = user("system:kube-controller-manager");

function clusterBindings(): ClusterRoleBinding[] {
  const same = (name: string, ...subjects: Subject[]): ClusterRoleBinding => bind(name, name, subjects);
  return [
    same("cluster-admin", groupSubject("system:masters")),
    same("system:monitoring", groupSubject("system:monitoring")),
    same("system:discovery", everybody),
    same("system:basic-user", everybody),
    same("system:public-info-viewer", everybody, groupSubject("system:unauthenticated")),
    same("system:node-proxier", user("system:kube-proxy")),
    same("system:kube-controller-manager", manager),
    same("system:kube-dns", account("kube-dns")),
    same("system:kube-scheduler", user("system:kube-scheduler")),
    same("system:volume-scheduler", user("system:kube-scheduler")),
    same("system:service-account-issuer-discovery", groupSubject("system:serviceaccounts")),
    // The node authorizer decides for nodes; the role is bound to nobody.
    same("system:node"),
    same("system:coracle:network", user("system:kube-proxy")),
    same("system:coracle:changes", everybody),
    same("system:coracle:addon-manager", manager),
    ...Object.keys(controllerRules).map((name) =>
      // One process runs all controllers, under its own name.
      bind(`system:controller:${name}`, `system:controller:${name}`, [account(name), manager]),
    ),
  ];
}

interface NamespacedRole {
  readonly namespace: string;
  readonly name: string;
  readonly rules: PolicyRule[];
  readonly subjects: Subject[];
}

const authenticationReader = "extension-apiserver-authentication-reader";
const leader = (name: string): NamespacedRole => ({
  namespace: "kube-system",
  name: `system::leader-locking-${name}`,
  rules: [
    may("watch", "core", "configmaps"),
    may("get update", "core", "configmaps", name),
    may("create get update", "coordination.k8s.io", "leases"),
  ],
  subjects: [account(name), user(`system:${name}`)],
});

const namespacedRoles: readonly NamespacedRole[] = [
  {
    namespace: "kube-system",
    name: authenticationReader,
    rules: [may(read, "core", "configmaps", "extension-apiserver-authentication")],
    subjects: [],
  },
  {
    namespace: "kube-system",
    name: "system:controller:bootstrap-signer",
    rules: [may(read, "core", "secrets")],
    subjects: [account("bootstrap-signer"), manager],
  },
  {
    namespace: "kube-system",
    name: "system:controller:cloud-provider",
    rules: [may("create get list patch update watch", "core", "configmaps")],
    subjects: [account("cloud-provider")],
  },
  {
    namespace: "kube-system",
    name: "system:controller:token-cleaner",
    rules: [may("delete get list watch", "core", "secrets"), may("create patch update", "core", "events")],
    subjects: [account("token-cleaner"), manager],
  },
  leader("kube-controller-manager"),
  leader("kube-scheduler"),
  {
    namespace: "kube-public",
    name: "system:controller:bootstrap-signer",
    rules: [
      may(read, "core", "configmaps"),
      may("update", "core", "configmaps", "cluster-info"),
      may("create patch update", "core", "events"),
    ],
    subjects: [account("bootstrap-signer"), manager],
  },
];

function namespaced({ namespace, name, rules, subjects }: NamespacedRole): (Role | RoleBinding)[] {
  const role: Role = { apiVersion, kind: "Role", metadata: metadata(name, namespace), rules };
  if (subjects.length === 0) return [role];
  const roleRef = { apiGroup: group, kind: "Role", name };
  return [role, { apiVersion, kind: "RoleBinding", metadata: metadata(name, namespace), roleRef, subjects }];
}

/** Every default role and binding, roles first. */
export function bootstrapObjects(): RbacObject[] {
  const controllers = Object.entries(controllerRules).map(([name, rules]) => ({
    name: `system:controller:${name}`,
    rules,
  }));
  const reader: RoleBinding = {
    apiVersion,
    kind: "RoleBinding",
    metadata: metadata(`system::${authenticationReader}`, "kube-system"),
    roleRef: { apiGroup: group, kind: "Role", name: authenticationReader },
    subjects: [manager, user("system:kube-scheduler")],
  };
  return [
    ...[...userRoles, ...componentRoles, ...controllers].map(clusterRole),
    ...clusterBindings(),
    ...namespacedRoles.flatMap(namespaced),
    reader,
  ];
}

export interface BootstrapPlan {
  readonly create: RbacObject[];
  /** With the resourceVersion they were read at. */
  readonly update: RbacObject[];
  /** Bindings to another role than they should be: a roleRef cannot be changed. */
  readonly replace: RbacObject[];
}

/**
 * What must be written at start so that the defaults are as they should be. As upstream: rules, labels and subjects that are
 * missing are put back, those added are left, and an object annotated `autoupdate: "false"` is its owner's.
 */
export function planBootstrap(cache: Pick<WatchCache, "get">): BootstrapPlan {
  const plan: BootstrapPlan = { create: [], update: [], replace: [] };
  for (const wanted of bootstrapObjects()) {
    const have = cache.get({
      resource: `${(wanted.kind ?? "").toLowerCase()}s.${group}`,
      namespace: wanted.metadata.namespace ?? "",
      name: wanted.metadata.name ?? "",
    })?.object as RbacObject | undefined;
    if (!have) plan.create.push(wanted);
    else if (have.metadata.annotations?.[autoupdate] !== "false") {
      const next = reconcile(have, wanted);
      if (next === "replace") plan.replace.push(wanted);
      else if (next) plan.update.push(next);
    }
  }
  return plan;
}

function reconcile(have: RbacObject, wanted: RbacObject): RbacObject | "replace" | undefined {
  const next = structuredClone(have);
  next.metadata.labels = { ...have.metadata.labels, ...wanted.metadata.labels };
  next.metadata.annotations = { ...wanted.metadata.annotations, ...have.metadata.annotations };
  if ("roleRef" in next && "roleRef" in wanted) {
    if (next.roleRef.kind !== wanted.roleRef.kind || next.roleRef.name !== wanted.roleRef.name)
      return "replace";
    const known = new Set((next.subjects ?? []).map(subjectId));
    next.subjects = [
      ...(next.subjects ?? []),
      ...(wanted.subjects ?? []).filter((s) => !known.has(subjectId(s))),
    ];
  } else if ("aggregationRule" in wanted && wanted.aggregationRule) {
    (next as ClusterRole).aggregationRule ??= wanted.aggregationRule;
  } else {
    const role = next as Role;
    role.rules = [...(role.rules ?? []), ...uncovered(role.rules ?? [], (wanted as Role).rules ?? [])];
  }
  return JSON.stringify(next) === JSON.stringify(have) ? undefined : next;
}

const subjectId = (s: Subject): string => `${s.kind}/${s.namespace ?? ""}/${s.name}`;
