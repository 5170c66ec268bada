import type { PolicyRule, RoleRef, Subject } from "@coracle/shared/api/generated/rbac-v1.ts";
import type { ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import type { ColumnDeclaration } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn, wide } from "./columns.ts";
import { semanticEqual } from "./equal.ts";
import { check, dnsSubdomain, pathSegment } from "./names.ts";

export const rbacGroup = "rbac.authorization.k8s.io";

/** Columns of roles: when they were made, to the second. */
export const createdAtColumn: ColumnDeclaration<{ metadata: { creationTimestamp?: string | undefined } }> =
  column("Created At", (role) => role.metadata.creationTimestamp ?? "");

export function validateRules(rules: readonly PolicyRule[] | undefined, namespaced: boolean): FieldError[] {
  return (rules ?? []).flatMap((rule, i) => validateRule(rule, namespaced, path("rules").index(i)));
}

function validateRule(rule: PolicyRule, namespaced: boolean, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const count = (list: readonly string[] | undefined): number => list?.length ?? 0;
  if (count(rule.verbs) === 0)
    errors.push(required(at.child("verbs"), "verbs must contain at least one value"));
  if (count(rule.nonResourceURLs) > 0) {
    const where = at.child("nonResourceURLs");
    if (namespaced)
      errors.push(
        invalidValue(where, rule.nonResourceURLs, "namespaced rules cannot apply to non-resource URLs"),
      );
    if (count(rule.apiGroups) + count(rule.resources) + count(rule.resourceNames) > 0)
      errors.push(
        invalidValue(
          where,
          rule.nonResourceURLs,
          "rules cannot apply to both regular resources and non-resource URLs",
        ),
      );
    return errors;
  }
  if (count(rule.apiGroups) === 0)
    errors.push(required(at.child("apiGroups"), "resource rules must supply at least one api group"));
  if (count(rule.resources) === 0)
    errors.push(required(at.child("resources"), "resource rules must supply at least one resource"));
  return errors;
}

interface Binding {
  subjects?: Subject[] | undefined;
  roleRef: RoleRef;
}

export function setBindingDefaults(binding: Binding): void {
  if (binding.roleRef) binding.roleRef.apiGroup ||= rbacGroup;
  for (const subject of binding.subjects ?? [])
    if (subject.kind === "User" || subject.kind === "Group") subject.apiGroup ??= rbacGroup;
}

export function validateBinding(binding: Binding, namespaced: boolean): FieldError[] {
  const kinds = namespaced ? ["Role", "ClusterRole"] : ["ClusterRole"];
  const ref: Partial<RoleRef> | undefined = binding.roleRef;
  const apiGroup = ref?.apiGroup ?? "";
  const kind = ref?.kind ?? "";
  const name = ref?.name ?? "";
  const at = path("roleRef");
  const errors: FieldError[] = [];
  if (apiGroup !== rbacGroup) errors.push(notSupported(at.child("apiGroup"), apiGroup, [rbacGroup]));
  if (!kinds.includes(kind)) errors.push(notSupported(at.child("kind"), kind, kinds));
  if (!name) errors.push(required(at.child("name")));
  else errors.push(...check(pathSegment, name, at.child("name")));
  (binding.subjects ?? []).forEach((subject, i) =>
    errors.push(...validateSubject(subject, namespaced, path("subjects").index(i))),
  );
  return errors;
}

function validateSubject(subject: Subject, namespaced: boolean, at: Path): FieldError[] {
  const errors = subject.name ? [] : [required(at.child("name"))];
  const group = subject.apiGroup ?? "";
  switch (subject.kind) {
    case "ServiceAccount":
      if (subject.name) errors.push(...check(dnsSubdomain, subject.name, at.child("name")));
      if (group !== "") errors.push(notSupported(at.child("apiGroup"), group, [""]));
      if (!namespaced && !subject.namespace) errors.push(required(at.child("namespace")));
      break;
    case "User":
    case "Group":
      if (group !== rbacGroup) errors.push(notSupported(at.child("apiGroup"), group, [rbacGroup]));
      if (subject.namespace)
        errors.push(forbiddenField(at.child("namespace"), "may not be set for users and groups"));
      break;
    default:
      errors.push(notSupported(at.child("kind"), subject.kind ?? "", ["ServiceAccount", "User", "Group"]));
  }
  return errors;
}

/** A binding keeps its role: to bind another, it is replaced. */
export const validateBindingUpdate = (binding: Binding, old: Binding, namespaced: boolean): FieldError[] => [
  ...validateBinding(binding, namespaced),
  ...(semanticEqual(binding.roleRef, old.roleRef)
    ? []
    : [invalidValue(path("roleRef"), binding.roleRef, "cannot change roleRef")]),
];

const subjectsCell = (binding: Binding, kind: string): string =>
  (binding.subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map((subject) =>
      kind === "ServiceAccount" ? `${subject.namespace ?? ""}/${subject.name}` : subject.name,
    )
    .join(", ");

type BindingColumn = ColumnDeclaration<Binding & { metadata: ObjectMeta }>;
export const bindingColumns: readonly BindingColumn[] = [
  nameColumn,
  column("Role", (binding) => `${binding.roleRef?.kind}/${binding.roleRef?.name}`),
  ageColumn,
  wide(column("Users", (binding) => subjectsCell(binding, "User"))),
  wide(column("Groups", (binding) => subjectsCell(binding, "Group"))),
  wide(column("ServiceAccounts", (binding) => subjectsCell(binding, "ServiceAccount"))),
];
