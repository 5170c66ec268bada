import type { PolicyRule } from "@coracle/shared/api/generated/rbac-v1.ts";
import { may, mayAt, read, readWrite, write } from "./bootstrap-rule.ts";

/** Roles for people: upstream's defaults (its documentation lists them under "Default roles and role bindings"). */
export interface RoleDeclaration {
  readonly name: string;
  readonly rules?: readonly PolicyRule[];
  /** Labels besides the one that all defaults carry. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The role is made up of the roles with this label. */
  readonly aggregates?: string;
}

const aggregateTo = (role: string): string => `rbac.authorization.k8s.io/aggregate-to-${role}`;

const adminRules = [
  may("create", "authorization.k8s.io", "localsubjectaccessreviews"),
  may(readWrite, "rbac.authorization.k8s.io", "roles rolebindings"),
];

const editRules = [
  may(read, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
  may("impersonate", "core", "serviceaccounts"),
  may(write, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
  may("create", "core", "pods/eviction"),
  may(
    write,
    "core",
    "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy",
  ),
  may("create", "core", "serviceaccounts/token"),
  may(
    write,
    "apps",
    "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale",
  ),
  may(write, "autoscaling", "horizontalpodautoscalers"),
  may(write, "batch", "cronjobs jobs"),
  may(
    write,
    "extensions",
    "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale",
  ),
  may(write, "policy", "poddisruptionbudgets"),
  may(write, "networking.k8s.io", "ingresses networkpolicies"),
  may(readWrite, "coordination.k8s.io", "leases"),
  may(write, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
];

const viewRules = [
  may(
    read,
    "core",
    "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
  ),
  may(
    read,
    "core",
    "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status",
  ),
  may(read, "core", "namespaces"),
  may(read, "discovery.k8s.io", "endpointslices"),
  may(
    read,
    "apps",
    "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
  ),
  may(read, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
  may(read, "batch", "cronjobs cronjobs/status jobs jobs/status"),
  may(
    read,
    "extensions",
    "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale",
  ),
  may(read, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
  may(read, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
  may(read, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
];

export const userRoles: readonly RoleDeclaration[] = [
  { name: "cluster-admin", rules: [may("*", "*", "*"), mayAt("*", "*")] },
  {
    name: "system:discovery",
    rules: [
      mayAt(
        "get",
        "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/",
      ),
    ],
  },
  { name: "system:public-info-viewer", rules: [mayAt("get", "/healthz /livez /readyz /version /version/")] },
  {
    name: "system:monitoring",
    rules: [mayAt("get", "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*")],
  },
  {
    name: "system:basic-user",
    rules: [
      may("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
      may("create", "authentication.k8s.io", "selfsubjectreviews"),
    ],
  },
  { name: "admin", aggregates: aggregateTo("admin") },
  { name: "edit", aggregates: aggregateTo("edit"), labels: { [aggregateTo("admin")]: "true" } },
  { name: "view", aggregates: aggregateTo("view"), labels: { [aggregateTo("edit")]: "true" } },
  { name: "system:aggregate-to-admin", rules: adminRules, labels: { [aggregateTo("admin")]: "true" } },
  { name: "system:aggregate-to-edit", rules: editRules, labels: { [aggregateTo("edit")]: "true" } },
  { name: "system:aggregate-to-view", rules: viewRules, labels: { [aggregateTo("view")]: "true" } },
  {
    name: "system:service-account-issuer-discovery",
    rules: [
      mayAt(
        "get",
        "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
      ),
    ],
  },
];
