import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PolicyRule, Role } from "@coracle/shared/api/generated/rbac-v1.ts";
import type { RequestInfo, UserInfo } from "../request.ts";
import { createTestCluster, type TestCluster } from "../watch/test-cache.ts";
import { createAuthorize, type Authorize } from "./authorize.ts";
import { bootstrapObjects, planBootstrap } from "./bootstrap.ts";
import { denied } from "./denied.ts";
import { checkBindingEscalation, checkRoleEscalation } from "./escalation.ts";
import { createRbac, type Rbac } from "./rbac.ts";
import { reviewAccess, reviewRules } from "./reviews.ts";

const group = "rbac.authorization.k8s.io";
let cluster: TestCluster;
let rbac: Rbac;
let authorize: Authorize;
beforeEach(async () => {
  cluster = await createTestCluster();
  rbac = createRbac(cluster.cache);
  authorize = createAuthorize({ rbac, node: { authorize: () => undefined } });
});
afterEach(() => cluster.stop());

const user = (username: string, ...groups: string[]): UserInfo => ({ username, groups });
const ask = (verb: string, resource: string, more: Partial<RequestInfo> = {}): RequestInfo => ({
  isResource: true,
  path: "",
  verb,
  group: "",
  version: "v1",
  resource,
  subresource: "",
  namespace: "default",
  name: "",
  ...more,
});
const rule = (verbs: string[], resources: string[], more = {}) => ({
  apiGroups: [""],
  verbs,
  resources,
  ...more,
});
const role = (name: string, ...rules: object[]) =>
  cluster.put(`roles.${group}`, { metadata: { name, namespace: "default" }, rules });
const bind = (name: string, kind: string, to: string, subject: object, namespace = "default") =>
  cluster.put(`rolebindings.${group}`, {
    metadata: { name, namespace },
    roleRef: { apiGroup: group, kind, name: to },
    subjects: [subject],
  });
const alice = { kind: "User", apiGroup: group, name: "alice" };
const bootstrap = async (): Promise<void> => {
  for (const o of bootstrapObjects()) await cluster.put(`${o.kind?.toLowerCase()}s.${group}`, o);
};

describe("roles and bindings", () => {
  it("allow what they say in their namespace, and nothing else", async () => {
    await role("reader", rule(["get", "list"], ["pods", "pods/log"]));
    await bind("b", "Role", "reader", alice);
    const may = (info: RequestInfo, who = user("alice")): boolean => authorize(who, info).allowed;
    expect(may(ask("list", "pods"))).toBe(true);
    expect(may(ask("get", "pods", { subresource: "log" }))).toBe(true);
    expect(may(ask("get", "pods", { subresource: "exec" }))).toBe(false);
    expect(may(ask("delete", "pods"))).toBe(false);
    expect(may(ask("list", "pods", { namespace: "other" }))).toBe(false);
    expect(may(ask("list", "pods", { namespace: "" }))).toBe(false);
    expect(may(ask("list", "pods", { group: "apps" }))).toBe(false);
    expect(may(ask("list", "pods"), user("bob"))).toBe(false);
    expect(authorize(user("alice"), ask("list", "pods")).reason).toBe(
      'RBAC: allowed by RoleBinding "b/default" of Role "reader" to User "alice"',
    );
  });

  it("take effect and end with the objects", async () => {
    const may = (): boolean => authorize(user("alice"), ask("get", "pods")).allowed;
    await bind("b", "Role", "later", alice);
    expect(authorize(user("alice"), ask("get", "pods")).reason).toBe(
      'RBAC: role.rbac.authorization.k8s.io "later" not found',
    );
    await role("later", rule(["get"], ["pods"]));
    expect(may()).toBe(true);
    await bind("b", "Role", "later", { ...alice, name: "bob" });
    expect(may()).toBe(false);
    await bind("b", "Role", "later", alice);
    await role("later", rule(["get"], ["secrets"]));
    expect(may()).toBe(false);
    await role("later", rule(["*"], ["*"]));
    expect(may()).toBe(true);
    await cluster.remove(`rolebindings.${group}`, "default", "b");
    expect(may()).toBe(false);
  });

  it("know groups, ServiceAccounts, names, subresources of everything and paths", async () => {
    await role("named", rule(["get"], ["secrets"], { resourceNames: ["a"] }), rule(["patch"], ["*/scale"]));
    await bind("g", "Role", "named", { kind: "Group", name: "team" });
    await bind("s", "Role", "named", { kind: "ServiceAccount", name: "robot", namespace: "ci" });
    for (const who of [user("x", "team"), user("system:serviceaccount:ci:robot")]) {
      expect(authorize(who, ask("get", "secrets", { name: "a" })).allowed).toBe(true);
      expect(authorize(who, ask("get", "secrets", { name: "b" })).allowed).toBe(false);
      expect(authorize(who, ask("list", "secrets")).allowed).toBe(false);
      expect(authorize(who, ask("patch", "things", { subresource: "scale" })).allowed).toBe(true);
    }
    await bootstrap();
    const path = (verb: string, p: string): RequestInfo => ({
      ...ask(verb, ""),
      isResource: false,
      path: p,
      namespace: "",
    });
    const nobody = user("system:anonymous", "system:unauthenticated");
    expect(authorize(nobody, path("get", "/healthz")).allowed).toBe(true);
    expect(authorize(nobody, path("get", "/version")).allowed).toBe(true);
    expect(authorize(nobody, path("get", "/api")).allowed).toBe(false);
    expect(authorize(user("x", "system:authenticated"), path("get", "/apis/apps/v1")).allowed).toBe(true);
    expect(authorize(user("x", "system:authenticated"), path("get", "/metrics")).allowed).toBe(false);
  });

  it("refuse in upstream's words", () => {
    const refuse = (info: RequestInfo): string =>
      denied(user("x"), info, authorize(user("x"), info).reason).message;
    expect(refuse(ask("list", "pods"))).toBe(
      'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    expect(
      refuse(ask("get", "deployments", { group: "apps", name: "web", subresource: "scale", namespace: "" })),
    ).toBe(
      'deployments.apps "web" is forbidden: User "x" cannot get resource "deployments/scale" in API group "apps" at the cluster scope',
    );
    expect(refuse({ ...ask("get", ""), isResource: false, path: "/metrics" })).toBe(
      'forbidden: User "x" cannot get path "/metrics"',
    );
  });
});

describe("default roles", () => {
  it("give masters all, edit less than admin, view no secrets, and components what they need", async () => {
    await bootstrap();
    for (const [name, to] of [
      ["v", "view"],
      ["e", "edit"],
      ["a", "admin"],
    ] as const) {
      await bind(name, "ClusterRole", to, { kind: "User", name: to });
    }
    const may = (who: string, verb: string, resource: string, more = {}): boolean =>
      authorize(user(who), ask(verb, resource, more)).allowed;
    expect(may("view", "get", "pods") && may("view", "get", "pods", { subresource: "log" })).toBe(true);
    expect(may("view", "get", "secrets") || may("view", "delete", "pods")).toBe(false);
    expect(may("edit", "get", "secrets") && may("edit", "create", "deployments", { group: "apps" })).toBe(
      true,
    );
    expect(may("edit", "get", "roles", { group })).toBe(false);
    expect(may("admin", "create", "rolebindings", { group }) && may("admin", "get", "pods")).toBe(true);
    expect(may("admin", "update", "resourcequotas")).toBe(false);
    expect(authorize(user("root", "system:masters"), ask("delete", "nodes")).allowed).toBe(true);
    expect(may("system:kube-scheduler", "create", "pods", { subresource: "binding" })).toBe(true);
    expect(
      may("system:kube-controller-manager", "update", "deployments", {
        group: "apps",
        subresource: "status",
      }),
    ).toBe(true);
  });

  it("are put back where they were changed, and left where told so", async () => {
    expect(planBootstrap(cluster.cache).create).toHaveLength(bootstrapObjects().length);
    await bootstrap();
    expect(planBootstrap(cluster.cache)).toEqual({ create: [], update: [], replace: [] });
    const key = (resource: string, name: string) => ({
      resource: `${resource}.${group}`,
      namespace: "",
      name,
    });
    const edit = async (resource: string, name: string, change: (o: never) => void): Promise<void> => {
      const object = structuredClone(cluster.cache.get(key(resource, name))?.object);
      change(object as never);
      await cluster.put(`${resource}.${group}`, object ?? {});
    };
    await edit(
      "clusterroles",
      "system:discovery",
      (o: { rules: unknown[] }) => (o.rules = [{ verbs: ["x"], nonResourceURLs: ["/x"] }]),
    );
    await edit(
      "clusterroles",
      "system:node",
      (o: { rules: unknown[]; metadata: { annotations: object } }) => {
        o.rules = [];
        o.metadata.annotations = { "rbac.authorization.kubernetes.io/autoupdate": "false" };
      },
    );
    await edit(
      "clusterrolebindings",
      "cluster-admin",
      (o: { subjects: unknown[] }) => (o.subjects = [alice]),
    );
    await edit(
      "clusterrolebindings",
      "system:basic-user",
      (o: { roleRef: { name: string } }) => (o.roleRef.name = "view"),
    );
    const plan = planBootstrap(cluster.cache);
    expect(plan.replace.map((o) => o.metadata.name)).toEqual(["system:basic-user"]);
    expect(plan.update.map((o) => o.metadata.name)).toEqual(["system:discovery", "cluster-admin"]);
    const [discovery, admin] = plan.update as { rules?: unknown[]; subjects?: unknown[] }[];
    expect(discovery?.rules).toHaveLength(12);
    expect(admin?.subjects).toEqual([alice, { apiGroup: group, kind: "Group", name: "system:masters" }]);
  });
});

describe("escalation", () => {
  const wanted = (rules: PolicyRule[]): Role => ({ metadata: { name: "new", namespace: "default" }, rules });
  beforeEach(async () => {
    await role("half", rule(["get", "list"], ["pods"]));
    await bind("b", "Role", "half", alice);
  });
  const refusal = (check: () => void): string => {
    try {
      check();
      return "allowed";
    } catch (error) {
      return (error as Error).message;
    }
  };

  it("nobody writes a role that gives more than they have", async () => {
    const write = (rules: PolicyRule[], old?: Role, who = user("alice", "g")): string =>
      refusal(() => checkRoleEscalation({ rbac, authorize }, who, wanted(rules), old));
    expect(write([rule(["get"], ["pods"])])).toBe("allowed");
    expect(write([rule(["get"], ["pods"], { resourceNames: ["x"] })])).toBe("allowed");
    expect(write([rule(["get", "delete", "update"], ["pods"]), rule(["get"], ["secrets"])])).toBe(
      'roles.rbac.authorization.k8s.io "new" is forbidden: user "alice" (groups=["g"]) is attempting to grant RBAC permissions not currently held:\n' +
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete", "update"]}\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
    );
    // Whoever lacks the rights of a role may change its owners, so that it can be collected, and nothing else.
    const everything = wanted([rule(["*"], ["*"])]);
    const changed = (metadata: object): string =>
      refusal(() =>
        checkRoleEscalation(
          { rbac, authorize },
          user("alice"),
          { ...everything, metadata: { ...everything.metadata, ...metadata } },
          everything,
        ),
      );
    expect(changed({ finalizers: [], resourceVersion: "7" })).toBe("allowed");
    expect(changed({ labels: { a: "b" } })).toContain("is attempting to grant");
    expect(write([rule(["*"], ["*"])], undefined, user("root", "system:masters"))).toBe("allowed");
    await role("half", rule(["get"], ["pods"]), {
      apiGroups: [group],
      verbs: ["escalate"],
      resources: ["roles"],
    });
    expect(write([rule(["*"], ["*"])])).toBe("allowed");
  });

  it("only who may do everything gathers the rules of roles yet to come", async () => {
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] };
    const write = (who: string): string =>
      refusal(() =>
        checkRoleEscalation(
          { rbac, authorize },
          user(who),
          { metadata: { name: "x" }, aggregationRule, rules: [] },
          undefined,
        ),
      );
    expect(write("alice")).toBe(
      'clusterroles.rbac.authorization.k8s.io "x" is forbidden: must have cluster-admin privileges to use the aggregationRule',
    );
    await bootstrap();
    await cluster.put(`clusterrolebindings.${group}`, {
      metadata: { name: "root" },
      roleRef: { apiGroup: group, kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "User", name: "root" }],
    });
    expect(write("root")).toBe("allowed");
  });

  it("nobody binds a role that gives more than they have", async () => {
    await role("whole", rule(["*"], ["*"]));
    const write = (name: string): string =>
      refusal(() =>
        checkBindingEscalation(
          { rbac, authorize },
          user("alice"),
          {
            metadata: { name: "x", namespace: "default" },
            roleRef: { apiGroup: group, kind: "Role", name },
            subjects: [alice],
          },
          undefined,
        ),
      );
    expect(write("half")).toBe("allowed");
    expect(write("whole")).toContain(
      'rolebindings.rbac.authorization.k8s.io "x" is forbidden: user "alice" (groups=[]) is attempting',
    );
    expect(write("none")).toBe('roles.rbac.authorization.k8s.io "none" not found');
    await role("half", {
      apiGroups: [group],
      verbs: ["bind"],
      resources: ["roles"],
      resourceNames: ["whole"],
    });
    expect(write("whole")).toBe("allowed");
  });
});

describe("reviews", () => {
  it("answer who may do what", async () => {
    await role("reader", rule(["get"], ["pods"]));
    await bind("b", "Role", "reader", alice);
    const may = (verb: string) =>
      reviewAccess(authorize, user("alice"), {
        resourceAttributes: { verb, resource: "pods", namespace: "default" },
      });
    expect(may("get")).toMatchObject({ allowed: true });
    expect(may("delete")).toEqual({ allowed: false });
    expect(reviewRules(rbac, user("alice"), "default")).toEqual({
      resourceRules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
      nonResourceRules: [],
      incomplete: false,
    });
  });
});
