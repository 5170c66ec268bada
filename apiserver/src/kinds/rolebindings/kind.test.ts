import { describe, expect, test } from "vitest";
import type { RoleBinding } from "@coracle/shared/api/generated/rbac-v1.ts";
import { clusterRoleBindings } from "../clusterrolebindings/kind.ts";
import { clusterRoles } from "../clusterroles/kind.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { roles } from "../roles/kind.ts";
import { roleBindings } from "./kind.ts";

const group = "rbac.authorization.k8s.io";
const body = {
  roleRef: { kind: "ClusterRole", name: "view" },
  subjects: [
    { kind: "User", name: "alice" },
    { kind: "ServiceAccount", name: "robot", namespace: "default" },
  ],
};

describe("roles", () => {
  test("rules are about something", () => {
    expect(refusals(roles, { rules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }] })).toEqual(
      [],
    );
    expect(refusals(roles, { rules: [{}, { verbs: ["get"], nonResourceURLs: ["/x"] }] })).toEqual([
      "rules[0].verbs: Required value: verbs must contain at least one value",
      "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
      "rules[0].resources: Required value: resource rules must supply at least one resource",
      'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    ]);
    expect(
      refusals(clusterRoles, { rules: [{ verbs: ["get"], nonResourceURLs: ["/x"] }], aggregationRule: {} }),
    ).toEqual([
      "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
    ]);
    expect(row(roles, {})).toEqual({ NAME: "web", "CREATED AT": "2026-11-23T11:00:00Z" });
  });
});

describe("bindings", () => {
  test("groups are filled in", () => {
    expect(created(roleBindings, body)).toMatchObject({
      roleRef: { apiGroup: group },
      subjects: [{ apiGroup: group }, { kind: "ServiceAccount" }],
    });
  });

  test("refusals", () => {
    expect(refusals(roleBindings, body)).toEqual([]);
    const bad = {
      roleRef: { kind: "Role", name: "a/b" },
      subjects: [
        { kind: "ServiceAccount", name: "x" },
        { kind: "Cat", name: "" },
      ],
    };
    expect(refusals(clusterRoleBindings, bad)).toEqual([
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
      "roleRef.name: Invalid value: \"a/b\": may not contain '/'",
      "subjects[0].namespace: Required value",
      "subjects[1].name: Required value",
      'subjects[1].kind: Unsupported value: "Cat": supported values: "ServiceAccount", "User", "Group"',
    ]);
  });

  test("the role stays", () => {
    const change = (binding: RoleBinding): void => {
      binding.roleRef = { apiGroup: group, kind: "ClusterRole", name: "admin" };
    };
    expect(updateRefusals(roleBindings, body, change as never)).toEqual([
      `roleRef: Invalid value: {"apiGroup":"${group}","kind":"ClusterRole","name":"admin"}: cannot change roleRef`,
    ]);
  });

  test("a line", () => {
    expect(columnNames(roleBindings)).toBe("NAME ROLE AGE (USERS) (GROUPS) (SERVICEACCOUNTS)");
    expect(row(roleBindings, body)).toMatchObject({
      ROLE: "ClusterRole/view",
      USERS: "alice",
      GROUPS: "",
      SERVICEACCOUNTS: "default/robot",
    });
  });
});
