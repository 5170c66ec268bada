import type { LimitRange, LimitRangeItem } from "@coracle/shared/api/generated/core-v1.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { column, nameColumn } from "../shared/columns.ts";
import { check, qualifiedName } from "../shared/names.ts";
import { roundUp } from "../shared/pod/defaults.ts";
import { isStandardContainerResource, isStandardResource } from "../shared/pod/resources.ts";
import { canonical, nano } from "../shared/quantity.ts";

export const limitRanges = defineKind<LimitRange>({
  kind: "LimitRange",
  shortNames: ["limits"],
  namespaced: true,
  createOnUpdate: true,
  setDefaults,
  validate,
  validateUpdate: validate,
  columns: [nameColumn, column("Created At", (range) => range.metadata.creationTimestamp ?? "")],
});

const lists = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] as const;

/** For containers: a default limit from the maximum, a default request from the default limit, else from the minimum. */
function setDefaults({ spec }: LimitRange): void {
  for (const item of spec?.limits ?? []) {
    for (const list of lists) roundUp(item[list]);
    if (item.type !== "Container") continue;
    item.default = { ...item.max, ...item.default };
    item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
  }
}

function validate({ spec }: LimitRange): FieldError[] {
  const at = path("spec", "limits");
  const seen = new Set<string>();
  return (spec?.limits ?? []).flatMap((item, i) => {
    const where = at.index(i);
    const errors = item.type ? [] : [required(where.child("type"))];
    if (item.type && !["Container", "Pod", "PersistentVolumeClaim"].includes(item.type))
      errors.push(...check(qualifiedName, item.type, where.child("type")));
    if (seen.has(item.type)) errors.push(duplicate(where.child("type"), item.type));
    seen.add(item.type);
    return [...errors, ...validateItem(item, where)];
  });
}

function validateItem(item: LimitRangeItem, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set(lists.flatMap((list) => Object.keys(item[list] ?? {})));
  for (const list of lists)
    for (const name of Object.keys(item[list] ?? {}))
      errors.push(...validateName(item.type, name, at.child(list)));
  if (item.type === "Pod")
    for (const list of ["default", "defaultRequest"] as const)
      if (Object.keys(item[list] ?? {}).length > 0)
        errors.push(forbiddenField(at.child(list), "may not be specified when `type` is 'Pod'"));
  if (item.type === "PersistentVolumeClaim" && !item.min?.["storage"] && !item.max?.["storage"])
    errors.push(
      required(at, "either minimum or maximum storage value is required, but neither was provided"),
    );
  for (const name of names) errors.push(...validateOrder(item, name, at));
  return errors;
}

function validateName(type: string, name: string, at: Path): FieldError[] {
  const where = at.key(name);
  if (name.includes("/")) return check(qualifiedName, name, where);
  if (type === "PersistentVolumeClaim") return [];
  const known = type === "Container" ? isStandardContainerResource(name) : isStandardResource(name);
  return known
    ? []
    : [
        invalidValue(
          at,
          name,
          type === "Container"
            ? "must be a standard resource for containers"
            : "must be a standard resource type or fully qualified",
        ),
      ];
}

/** min ≤ default request ≤ default limit ≤ max, and ratios of at least one that the bounds allow. */
function validateOrder(item: LimitRangeItem, name: string, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const ordered = [
    ["min", "max", "min value %a is greater than max value %b", "min"],
    ["min", "defaultRequest", "min value %a is greater than default request value %b", "defaultRequest"],
    ["defaultRequest", "max", "default request value %a is greater than max value %b", "defaultRequest"],
    [
      "defaultRequest",
      "default",
      "default request value %a is greater than default limit value %b",
      "defaultRequest",
    ],
    ["min", "default", "min value %a is greater than default value %b", "default"],
    ["default", "max", "default value %a is greater than max value %b", "default"],
  ] as const;
  for (const [low, high, message, field] of ordered) {
    const a = item[low]?.[name];
    const b = item[high]?.[name];
    if (a === undefined || b === undefined || nano(a) <= nano(b)) continue;
    const text = message.replace("%a", canonical(a)).replace("%b", canonical(b));
    errors.push(invalidValue(at.child(field).key(name), canonical(item[field]?.[name] ?? a), text));
  }
  const ratio = item.maxLimitRequestRatio?.[name];
  if (ratio !== undefined && nano(ratio) < 1_000_000_000n)
    errors.push(
      invalidValue(
        at.child("maxLimitRequestRatio").key(name),
        canonical(ratio),
        `ratio ${canonical(ratio)} is less than 1`,
      ),
    );
  return errors;
}
