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
import { isExact, validateContainerResourceName, validateResourceName } from "../shared/pod/resources.ts";
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
    const limits = { ...item.max, ...item.default };
    const requests = { ...item.min, ...limits, ...item.defaultRequest };
    if (Object.keys(limits).length > 0) item.default = limits;
    if (Object.keys(requests).length > 0) item.defaultRequest = requests;
  }
}

function validate({ spec }: LimitRange): FieldError[] {
  const at = path("spec", "limits");
  const seen = new Set<string>();
  return (spec?.limits ?? []).flatMap((item, i) => {
    const where = at.index(i);
    const errors = check(qualifiedName, item.type ?? "", where.child("type"));
    if (errors.length === 0 && !item.type.includes("/") && !standardTypes.has(item.type))
      errors.push(
        invalidValue(where.child("type"), item.type, "must be a standard limit type or fully qualified"),
      );
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
      required(
        at.child("limits"),
        "either minimum or maximum storage value is required, but neither was provided",
      ),
    );
  for (const name of names) errors.push(...validateOrder(item, name, at));
  return errors;
}

const standardTypes = new Set(["Container", "Pod", "PersistentVolumeClaim"]);

const validateName = (type: string, name: string, at: Path): FieldError[] =>
  type === "Pod" || type === "Container"
    ? validateContainerResourceName(name, at.key(name))
    : validateResourceName(name, at.key(name));

/** min ≤ default request ≤ default limit ≤ max, and ratios of at least one that the bounds allow. */
function validateOrder(item: LimitRangeItem, name: string, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  for (const { low, high, message, at: field, bad } of order) {
    const a = item[low]?.[name];
    const b = item[high]?.[name];
    if (a === undefined || b === undefined || nano(a) <= nano(b)) continue;
    const text = message.replace("%a", canonical(a)).replace("%b", canonical(b));
    errors.push(invalidValue(at.child(field).key(name), canonical(bad === "low" ? a : b), text));
  }
  const { [name]: limit } = item.default ?? {};
  const { [name]: request } = item.defaultRequest ?? {};
  if (isExact(name) && limit !== undefined && request !== undefined && nano(limit) !== nano(request))
    errors.push(
      invalidValue(
        at.child("defaultRequest").key(name),
        canonical(request),
        `default value ${canonical(limit)} must equal to defaultRequest value ${canonical(request)} in ${name}`,
      ),
    );
  return [...errors, ...validateRatio(item, name, at)];
}

/** Pairs that must rise, and which of the two the message names. */
const order = [
  { low: "min", high: "max", at: "min", bad: "low", message: "min value %a is greater than max value %b" },
  {
    low: "min",
    high: "defaultRequest",
    at: "defaultRequest",
    bad: "high",
    message: "min value %a is greater than default request value %b",
  },
  {
    low: "defaultRequest",
    high: "max",
    at: "defaultRequest",
    bad: "low",
    message: "default request value %a is greater than max value %b",
  },
  {
    low: "defaultRequest",
    high: "default",
    at: "defaultRequest",
    bad: "low",
    message: "default request value %a is greater than default limit value %b",
  },
  {
    low: "min",
    high: "default",
    at: "default",
    bad: "low",
    message: "min value %a is greater than default value %b",
  },
  {
    low: "default",
    high: "max",
    at: "default",
    bad: "high",
    message: "default value %a is greater than max value %b",
  },
] as const;

function validateRatio(item: LimitRangeItem, name: string, at: Path): FieldError[] {
  const ratio = item.maxLimitRequestRatio?.[name];
  if (ratio === undefined) return [];
  const where = at.child("maxLimitRequestRatio").key(name);
  if (nano(ratio) < 1_000_000_000n)
    return [invalidValue(where, canonical(ratio), `ratio ${canonical(ratio)} is less than 1`)];
  const { [name]: min } = item.min ?? {};
  const { [name]: max } = item.max ?? {};
  if (min === undefined || max === undefined || nano(min) === 0n) return [];
  const most = Number(nano(max)) / Number(nano(min));
  return Number(nano(ratio)) / 1e9 > most
    ? [
        invalidValue(
          where,
          canonical(ratio),
          `ratio ${canonical(ratio)} is greater than max/min = ${most.toFixed(6)}`,
        ),
      ]
    : [];
}
