import type { LabelSelector, LabelSelectorRequirement } from "@coracle/shared/api/generated/meta-v1.ts";
import { selectorFromMap, selectorFromObject, type Selector } from "@coracle/shared/meta/labels.ts";
import { forbiddenField, invalidValue, required, type FieldError, type Path } from "../../registry/field.ts";
import { check, labelValue, qualifiedName } from "./names.ts";

/** Rules for a set of labels, such as a selector's `matchLabels` or a template's labels. */
export function validateLabels(labels: Record<string, string> | undefined, path: Path): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...check(qualifiedName, key, path),
    ...check(labelValue, value, path.key(key)),
  ]);
}

export function validateLabelSelector(selector: LabelSelector | undefined, path: Path): FieldError[] {
  if (!selector) return [];
  return [
    ...validateLabels(selector.matchLabels, path.child("matchLabels")),
    ...(selector.matchExpressions ?? []).flatMap((expression, i) =>
      validateRequirement(expression, path.child("matchExpressions").index(i)),
    ),
  ];
}

function validateRequirement(expression: LabelSelectorRequirement, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const values = expression.values ?? [];
  switch (expression.operator) {
    case "In":
    case "NotIn":
      if (values.length === 0)
        errors.push(required(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0)
        errors.push(
          forbiddenField(
            path.child("values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
          ),
        );
      break;
    default:
      errors.push(
        invalidValue(path.child("operator"), expression.operator ?? "", "not a valid selector operator"),
      );
  }
  errors.push(...check(qualifiedName, expression.key ?? "", path.child("key")));
  values.forEach((value, i) => errors.push(...check(labelValue, value, path.child("values").index(i))));
  return errors;
}

export const isEmptySelector = (selector: LabelSelector | undefined): boolean =>
  Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0;

/** Whether labels match; a selector that is absent, or has an operator that does not exist, matches nothing. */
export function selectorMatches(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return parsed(selector)?.matches(labels) ?? false;
}

function parsed(selector: LabelSelector | undefined): Selector | undefined {
  try {
    return selectorFromObject(selector);
  } catch {
    // An operator that does not exist: validation names it.
    return undefined;
  }
}

/** A selector in its string form, sorted by key: `app=web,tier in (a,b),!old`. */
export const selectorText = (selector: LabelSelector | undefined): string =>
  selector ? (parsed(selector)?.toString() ?? "<error>") : "";

/** Plain labels in string form: `a=1,b=2`. */
export const labelsText = (labels: Readonly<Record<string, string>> | undefined): string =>
  selectorFromMap(labels).toString();

/** Byte order, as Go sorts strings (ASCII here). */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
