import type { PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { IntOrString, LabelSelector } from "@coracle/shared/api/generated/meta-v1.ts";
import {
  forbiddenField,
  immutable,
  invalidValue,
  notSupported,
  path as pathOf,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { semanticEqual } from "./equal.ts";
import { mustNotBeNegative, percent } from "./names.ts";
import { isEmptySelector, selectorMatches, validateLabelSelector } from "./selector.ts";
import { validatePodTemplate } from "./pod/validate-spec.ts";

/** Rules that the workload kinds share. */
export function validateNonNegative(value: number | undefined, path: Path): FieldError[] {
  return value !== undefined && value < 0 ? [invalidValue(path, value, mustNotBeNegative)] : [];
}

/** What upstream calls a kind in its messages; a Deployment and its ReplicaSets go by each other's names. */
export interface WorkloadWords {
  readonly selectorOf: "deployment" | "daemonset" | "statefulset";
  readonly templateOf: "ReplicaSet" | "DaemonSet" | "StatefulSet" | "ReplicationController";
}

/** The selector must exist and choose something, and the template's pods must match it. */
export function validateSelectorAndTemplate(
  spec: { selector?: LabelSelector | undefined; template?: PodTemplateSpec | undefined },
  path: Path,
  words: WorkloadWords,
): FieldError[] {
  const errors: FieldError[] = [];
  const at = path.child("selector");
  if (!spec.selector) errors.push(required(at));
  else {
    errors.push(...validateLabelSelector(spec.selector, at));
    if (isEmptySelector(spec.selector))
      errors.push(invalidValue(at, spec.selector, `empty selector is invalid for ${words.selectorOf}`));
  }
  const { template, selector } = spec;
  return [...errors, ...validateOwnedTemplate(template, selector, path.child("template"), words.templateOf)];
}

/** The pods of a template must match its selector and be ones that are always restarted. */
export function validateOwnedTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
  path: Path,
  kind: WorkloadWords["templateOf"],
): FieldError[] {
  if (!template) return [required(path)];
  const errors: FieldError[] = [];
  // No selector selects nothing, an empty one everything.
  const labels = template.metadata?.labels;
  if (!selector || (!isEmptySelector(selector) && !selectorMatches(selector, labels)))
    errors.push(
      invalidValue(
        path.child("metadata", "labels"),
        labels ?? null,
        "`selector` does not match template `labels`",
      ),
    );
  errors.push(...validatePodTemplate(template, path));
  const policy = template.spec?.restartPolicy;
  if (policy !== undefined && policy !== "Always")
    errors.push(notSupported(path.child("spec", "restartPolicy"), policy, ["Always"]));
  if (template.spec?.activeDeadlineSeconds !== undefined)
    errors.push(
      forbiddenField(
        path.child("spec", "activeDeadlineSeconds"),
        `activeDeadlineSeconds in ${kind} is not Supported`,
      ),
    );
  return errors;
}

export const validateImmutable = (next: unknown, old: unknown, path: Path): FieldError[] =>
  semanticEqual(next, old) ? [] : [immutable(path, next ?? null)];

/** A count or a percentage that is not negative; percentages at most 100 when `max` is set. */
export function validateIntOrPercent(value: IntOrString | undefined, path: Path): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === "number") return validateNonNegative(value, path);
  return percent(value).map((message) => invalidValue(path, value, message));
}

export const notMoreThanAll = (value: IntOrString | undefined, path: Path): FieldError[] =>
  typeof value === "string" && /^[0-9]+%$/.test(value) && Number.parseInt(value, 10) > 100
    ? [invalidValue(path, value, "must not be greater than 100%")]
    : [];

/** The number of a count or percentage, without its sign of percent. */
export const amountOf = (value: IntOrString | undefined): number =>
  typeof value === "string" ? Number.parseInt(value, 10) : (value ?? 0);

/** Names of revisions that collided are counted, never forgotten. */
export function validateCollisions(next = 0, old = 0): FieldError[] {
  return next < old ? [invalidValue(pathOf("status", "collisionCount"), next, "cannot be decremented")] : [];
}

/** Status counters must not be negative. */
export function validateCounters<T extends object>(
  status: T | undefined,
  fields: readonly (keyof T & string)[],
  path: Path,
): FieldError[] {
  if (!status) return [];
  return fields.flatMap((field) => {
    const value = status[field];
    return typeof value === "number" ? validateNonNegative(value, path.child(field)) : [];
  });
}
