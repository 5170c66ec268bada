import type {
  ResourceQuota,
  ResourceQuotaSpec,
  ScopedResourceSelectorRequirement,
} from "@coracle/shared/api/generated/core-v1.ts";
import { invalidValue, path, required, type FieldError, type Path } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { roundUp } from "../shared/pod/defaults.ts";
import { isStandardResource, validateResourceName, validateResourceValue } from "../shared/pod/resources.ts";
import { canonical } from "../shared/quantity.ts";
import { compare } from "../shared/selector.ts";

const root = path("spec");

export const resourceQuotas = defineKind<ResourceQuota>({
  kind: "ResourceQuota",
  shortNames: ["quota"],
  namespaced: true,
  status: true,
  returnDeleted: true,
  setDefaults: (quota) => {
    roundUp(quota.spec?.hard);
    roundUp(quota.status?.hard);
    roundUp(quota.status?.used);
  },
  prepareForCreate: (quota) => {
    quota.status = {};
  },
  validate,
  validateUpdate: (quota, old) => {
    const before = [...(old.spec?.scopes ?? [])].toSorted(compare);
    const after = [...(quota.spec?.scopes ?? [])].toSorted(compare);
    const errors = validate(quota);
    if (!semanticEqual(before, after))
      errors.push(invalidValue(root.child("scopes"), quota.spec?.scopes ?? [], "field is immutable"));
    return errors;
  },
  validateStatusUpdate: (quota) => [
    ...validateList(quota.status?.hard, "hard"),
    ...validateList(quota.status?.used, "used"),
  ],
  columns: [
    nameColumn,
    column("Request", (quota) => usage(quota, (name) => !name.startsWith("limits."))),
    column("Limit", (quota) => usage(quota, (name) => name.startsWith("limits."))),
    ageColumn,
  ],
});

function usage({ status }: ResourceQuota, chosen: (name: string) => boolean): string {
  return Object.keys(status?.hard ?? {})
    .filter(chosen)
    .toSorted(compare)
    .map(
      (name) =>
        `${name}: ${canonical(status?.used?.[name] ?? "0")}/${canonical(status?.hard?.[name] ?? "0")}`,
    )
    .join(", ");
}

const validateList = (list: Record<string, string> | undefined, field: string): FieldError[] =>
  Object.entries(list ?? {}).flatMap(([name, value]) => {
    const at = path("status", field).key(name);
    return [...validateQuotaName(name, at), ...validateResourceValue(name, value, at)];
  });

function validate({ spec }: ResourceQuota): FieldError[] {
  const errors = Object.entries(spec?.hard ?? {}).flatMap(([name, value]) => {
    const at = root.child("hard").key(name);
    return [...validateQuotaName(name, at), ...validateResourceValue(name, value, at)];
  });
  return spec ? [...errors, ...validateScopes(spec)] : errors;
}

/** Object counts (`count/deployments.apps`), the storage of one class, and standard resources. */
function validateQuotaName(name: string, at: Path): FieldError[] {
  const errors = validateResourceName(name, at);
  if (!name.includes("/") && !isStandardQuota(name))
    errors.push(invalidValue(at, name, "must be a standard resource for quota"));
  return errors;
}

const isStandardQuota = (name: string): boolean => name !== "storage" && isStandardResource(name);

const scopes = [
  "BestEffort",
  "CrossNamespacePodAffinity",
  "NotBestEffort",
  "NotTerminating",
  "PriorityClass",
  "Terminating",
  "VolumeAttributesClass",
];
const computeResources = ["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
/** What the pods, or claims, that a scope chooses can be counted by. */
const countable: Readonly<Record<string, ReadonlySet<string>>> = {
  BestEffort: new Set(["pods"]),
  ...Object.fromEntries(
    ["NotBestEffort", "NotTerminating", "Terminating", "PriorityClass", "CrossNamespacePodAffinity"].map(
      (scope) => [scope, new Set(["pods", ...computeResources])],
    ),
  ),
  VolumeAttributesClass: new Set(["persistentvolumeclaims", "requests.storage"]),
};
const fits = (scope: string, names: readonly string[]): boolean =>
  names.every((name) => !isStandardQuota(name) || (countable[scope]?.has(name) ?? true));

function validateScopes(spec: ResourceQuotaSpec): FieldError[] {
  const at = root.child("scopes");
  const given = spec.scopes ?? [];
  const errors: FieldError[] = [];
  const names = Object.keys(spec.hard ?? {});
  for (const scope of given) {
    if (!scopes.includes(scope)) errors.push(invalidValue(at, given, "unsupported scope"));
    else if (!fits(scope, names))
      errors.push(invalidValue(at, given, "unsupported scope applied to resource"));
  }
  const conflicts = [
    ["BestEffort", "NotBestEffort"],
    ["Terminating", "NotTerminating"],
  ] as const;
  for (const [a, b] of conflicts)
    if (given.includes(a) && given.includes(b)) errors.push(invalidValue(at, given, "conflicting scopes"));
  for (const requirement of spec.scopeSelector?.matchExpressions ?? []) {
    errors.push(...validateRequirement(requirement));
    if (!fits(requirement.scopeName, names))
      errors.push(
        invalidValue(
          root.child("scopeSelector", "matchExpressions"),
          spec.scopeSelector,
          "unsupported scope applied to resource",
        ),
      );
  }
  return errors;
}

function validateRequirement(requirement: ScopedResourceSelectorRequirement): FieldError[] {
  const at = root.child("scopeSelector", "matchExpressions");
  const { scopeName, operator, values = [] } = requirement;
  const errors = scopes.includes(scopeName)
    ? []
    : [invalidValue(at.child("scopeName"), scopeName ?? "", "unsupported scope")];
  const valued = scopeName === "PriorityClass" || scopeName === "VolumeAttributesClass";
  if (!valued && operator !== "Exists")
    errors.push(
      invalidValue(
        at.child("operator"),
        operator ?? "",
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
      ),
    );
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length === 0)
        errors.push(
          required(
            at.child("values"),
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
          ),
        );
      break;
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0)
        errors.push(
          invalidValue(
            at.child("values"),
            values,
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
          ),
        );
      break;
    default:
      errors.push(invalidValue(at.child("operator"), operator ?? "", "not a valid selector operator"));
  }
  return errors;
}
