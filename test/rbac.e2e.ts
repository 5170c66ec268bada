import type { ClusterRole } from "@coracle/shared/api/generated/rbac-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useNamespace } from "./support/namespace.ts";
import { Raw } from "./support/raw.ts";
import { eventually, getJson, kubectl, kubectlWith, tryKubectl, type Output } from "./support/run.ts";

const ns = useNamespace("rbac");
const api = new Raw();
/** Cluster-scoped names of this file begin with the namespace's. */
const name = (what: string): string => `${ns}-${what}`;
const as = (user: string, ...args: string[]): Promise<Output> =>
  tryKubectl("-n", ns, `--as=${user}`, ...args);
const may = async (user: string, ...args: string[]): Promise<string> =>
  (await as(user, "auth", "can-i", ...args)).stdout.trim();
const review = async (kind: string, spec: object, path = "") => {
  const url = `/apis/authorization.k8s.io/v1/${path}${kind}`;
  return (await api.ask("POST", url, { body: { spec } })).json<{ message?: string; status: object }>();
};

beforeAll(async () => {
  await kubectl("create", "rolebinding", "bob", "-n", ns, "--clusterrole=admin", "--user=bob");
  await kubectl("create", "rolebinding", "vera", "-n", ns, "--clusterrole=view", "--user=vera");
  const rule = ["--resource=clusterroles", "--verb=get,create,update,patch"];
  await kubectl("create", "clusterrole", name("roles"), ...rule);
  await kubectl("create", "clusterrolebinding", name("eve"), `--clusterrole=${name("roles")}`, "--user=eve");
});
afterAll(async () => {
  const roles = ["roles", "leases", "names", "paths", "scales"].map(name);
  await tryKubectl("delete", "clusterrole", "--ignore-not-found", ...roles);
  await tryKubectl("delete", "clusterrolebinding", "--ignore-not-found", name("eve"), name("joe"));
  api.close();
});

test("the default roles give what their names say, in their namespace", async () => {
  expect(await may("bob", "create", "rolebindings")).toBe("yes");
  expect(await may("bob", "update", "resourcequotas")).toBe("no");
  expect(await may("bob", "get", "pods", "-n", "default")).toBe("no");
  expect(await may("vera", "list", "pods")).toBe("yes");
  expect(await may("vera", "get", "pods", "--subresource=log")).toBe("yes");
  expect(await may("vera", "get", "secrets")).toBe("no");
  expect(await may("vera", "get", "/version")).toBe("yes");
  expect(await may("vera", "get", "/metrics")).toBe("no");
  const list = (await as("bob", "auth", "can-i", "--list")).stdout;
  expect(list).toMatch(/^roles\.rbac\.authorization\.k8s\.io .*create .*watch/m);
  expect((await as("vera", "auth", "whoami", "-o", "jsonpath={.status.userInfo.groups}")).stdout).toBe(
    '["system:authenticated"]',
  );
  expect((await as("vera", "delete", "pod", "x")).stderr).toContain(
    `pods "x" is forbidden: User "vera" cannot delete resource "pods" in API group "" in the namespace "${ns}"`,
  );
});

test("names, paths and subresources are what a rule says they are", async () => {
  await kubectl(
    "create",
    "clusterrole",
    name("names"),
    "--verb=get",
    "--resource=configmaps",
    "--resource-name=one",
  );
  await kubectl("create", "clusterrole", name("paths"), "--verb=get", "--non-resource-url=/logs/*");
  const scales = {
    metadata: { name: name("scales") },
    rules: [{ verbs: ["get"], apiGroups: ["*"], resources: ["*/scale"] }],
  };
  await kubectlWith(
    JSON.stringify({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", ...scales }),
    "create",
    "-f",
    "-",
  );
  for (const role of ["names", "scales"])
    await kubectl("create", "rolebinding", role, "-n", ns, `--clusterrole=${name(role)}`, "--user=joe");
  await kubectl("create", "clusterrolebinding", name("joe"), `--clusterrole=${name("paths")}`, "--user=joe");
  expect([await may("joe", "get", "configmaps/one"), await may("joe", "get", "configmaps/two")]).toEqual([
    "yes",
    "no",
  ]);
  expect([await may("joe", "get", "/logs/a"), await may("joe", "get", "/logs")]).toEqual(["yes", "no"]);
  expect(await may("joe", "get", "deployments.apps/x", "--subresource=scale")).toBe("yes");
  expect(await may("joe", "get", "deployments.apps/x")).toBe("no");
});

test("a role with the right label becomes a part of view, edit and admin, for as long as it is there", async () => {
  const has = async (role: string): Promise<boolean> =>
    JSON.stringify((await getJson<ClusterRole>("clusterrole", role)).rules).includes(name("things"));
  const rules = [{ verbs: ["get"], apiGroups: ["example.com"], resources: [name("things")] }];
  const labels = { "rbac.authorization.k8s.io/aggregate-to-view": "true" };
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: name("leases"), labels },
    rules,
  };
  await kubectlWith(JSON.stringify(role), "create", "-f", "-");
  for (const to of ["view", "edit", "admin"]) await eventually(`${to} has it`, () => has(to));
  await kubectl("delete", "clusterrole", name("leases"));
  await eventually("admin has lost it", async () => !(await has("admin")));
});

test("nobody gives what they do not have", async () => {
  expect((await as("bob", "create", "role", "pods", "--verb=get", "--resource=pods")).code).toBe(0);
  expect(
    (await as("bob", "create", "role", "nodes", "--verb=get,list", "--resource=nodes")).stderr,
  ).toContain(
    'roles.rbac.authorization.k8s.io "nodes" is forbidden: user "bob" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
      '{APIGroups:[""], Resources:["nodes"], Verbs:["get", "list"]}',
  );
  const bind = async (role: string): Promise<string> =>
    (await as("bob", "create", "rolebinding", "given", role, "--user=x")).stderr;
  expect(await bind("--clusterrole=cluster-admin")).toContain(
    "is attempting to grant RBAC permissions not currently held",
  );
  expect(await bind("--clusterrole=none")).toContain(
    'clusterroles.rbac.authorization.k8s.io "none" not found',
  );
  expect(await bind("--clusterrole=view")).toBe("");
  expect((await as("eve", "create", "clusterrole", name("all"), "--aggregation-rule=a=b")).stderr).toContain(
    "must have cluster-admin privileges to use the aggregationRule",
  );
  expect((await as("eve", "label", "clusterrole", "cluster-admin", "a=b")).stderr).toContain(
    "is attempting to grant",
  );
  expect(
    (
      await tryKubectl(
        "patch",
        "rolebinding",
        "given",
        "-n",
        ns,
        "--type=merge",
        "-p",
        '{"roleRef":{"name":"edit"}}',
      )
    ).stderr,
  ).toContain("cannot change roleRef");
});

test("nobody is somebody else without leave, and groups may have commas in their names", async () => {
  const whoami = async (headers: Record<string, string | string[]>) =>
    (await api.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", { body: {}, headers })).json<{
      status: { userInfo: object };
    }>().status.userInfo;
  expect(
    await whoami({
      "impersonate-user": "ann",
      "impersonate-group": ["CN=a,OU=b", "c"],
      "impersonate-uid": "7",
      "impersonate-extra-acme.com%2fproject": "x",
    }),
  ).toEqual({
    username: "ann",
    uid: "7",
    groups: ["CN=a,OU=b", "c", "system:authenticated"],
    extra: { "acme.com/project": ["x"] },
  });
  const token = await kubectl("create", "token", "default", "-n", ns);
  const robot = new Raw({ token: token.trim() });
  const refused = async (headers: Record<string, string>): Promise<string> =>
    (await robot.ask("GET", "/api", { headers })).json().message ?? "";
  expect(await refused({ "impersonate-user": "ann" })).toContain(
    'cannot impersonate resource "users" in API group ""',
  );
  expect(await refused({ "impersonate-user": `system:serviceaccount:${ns}:x` })).toContain(
    `cannot impersonate resource "serviceaccounts" in API group "" in the namespace "${ns}"`,
  );
  robot.close();
});

test("reviews answer for anybody, and say what they could not take into account", async () => {
  const pods = { verb: "list", resource: "pods", namespace: ns };
  expect(
    (await review("subjectaccessreviews", { user: "vera", resourceAttributes: pods })).status,
  ).toMatchObject({
    allowed: true,
    reason: `RBAC: allowed by RoleBinding "vera/${ns}" of ClusterRole "view" to User "vera"`,
  });
  const many = { fieldSelector: { requirements: [{ key: "a", operator: "In", values: ["b", "c"] }] } };
  expect(
    (await review("subjectaccessreviews", { user: "nobody", resourceAttributes: { ...pods, ...many } }))
      .status,
  ).toEqual({
    allowed: false,
    evaluationError: "spec.resourceAttributes.fieldSelector ignored due to parse error",
  });
  const elsewhere = { user: "vera", resourceAttributes: { ...pods, namespace: "default" } };
  expect((await review("localsubjectaccessreviews", elsewhere, `namespaces/${ns}/`)).message).toBe(
    "spec.resourceAttributes.namespace must match namespace",
  );
  expect((await review("subjectaccessreviews", {})).message).toContain(
    "at least one of user or group must be specified",
  );
});
