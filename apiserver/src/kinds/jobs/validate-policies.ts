import type {
  JobSpec,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from "@coracle/shared/api/generated/batch-v1.ts";
import {
  duplicate,
  invalidValue,
  invalidWithoutValue,
  notSupported,
  required,
  tooLong,
  tooMany,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { check, qualifiedName } from "../shared/names.ts";
import { validateNonNegative } from "../shared/workload.ts";
import { countIndexes, parseIndexes } from "./indexes.ts";

const actions = ["Count", "FailIndex", "FailJob", "Ignore"];
const statuses = ["False", "True", "Unknown"];

/** What a failed pod means for its job. */
export function validateFailurePolicy(spec: JobSpec, at: Path): FieldError[] {
  const policy = spec.podFailurePolicy;
  if (!policy) return [];
  const rules = policy.rules ?? [];
  const where = at.child("rules");
  const errors = rules.length > 20 ? [tooMany(where, rules.length, 20)] : [];
  const names = [
    ...(spec.template?.spec?.containers ?? []),
    ...(spec.template?.spec?.initContainers ?? []),
  ].map((c) => c.name);
  rules.forEach((rule, i) => errors.push(...validateRule(rule, spec, names, where.index(i))));
  return errors;
}

function validateRule(
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  containers: readonly string[],
  at: Path,
): FieldError[] {
  const errors = oneOf(rule.action, actions, at.child("action"));
  if (rule.action === "FailIndex" && spec.backoffLimitPerIndex === undefined)
    errors.push(invalidValue(at.child("action"), rule.action, "requires the backoffLimitPerIndex to be set"));
  const conditions = rule.onPodConditions ?? [];
  if (rule.onExitCodes)
    errors.push(...validateExitCodes(rule.onExitCodes, containers, at.child("onExitCodes")));
  const where = at.child("onPodConditions");
  if (conditions.length > 20) errors.push(tooMany(where, conditions.length, 20));
  conditions.forEach((condition, i) => {
    errors.push(
      ...check(qualifiedName, condition.type ?? "", where.index(i).child("type")),
      ...oneOf(condition.status, statuses, where.index(i).child("status")),
    );
  });
  if (rule.onExitCodes && conditions.length > 0)
    errors.push(invalidWithoutValue(at, "specifying both OnExitCodes and OnPodConditions is not supported"));
  if (!rule.onExitCodes && conditions.length === 0)
    errors.push(invalidWithoutValue(at, "specifying one of OnExitCodes and OnPodConditions is required"));
  return errors;
}

/** A required choice; the choices print as a list of Go's. */
function oneOf(value: string | undefined, known: readonly string[], at: Path): FieldError[] {
  if (!value) return [required(at, `valid values: [${known.map((k) => `"${k}"`).join(" ")}]`)];
  return known.includes(value) ? [] : [notSupported(at, value, known)];
}

function validateExitCodes(
  codes: NonNullable<PodFailurePolicyRule["onExitCodes"]>,
  containers: readonly string[],
  at: Path,
): FieldError[] {
  const errors = oneOf(codes.operator, ["In", "NotIn"], at.child("operator"));
  if (codes.containerName !== undefined && !containers.includes(codes.containerName))
    errors.push(
      invalidValue(
        at.child("containerName"),
        codes.containerName,
        "must be one of the container or initContainer names in the pod template",
      ),
    );
  const values = codes.values ?? [];
  const where = at.child("values");
  if (values.length === 0) errors.push(invalidValue(where, values, "at least one value is required"));
  if (values.length > 255) errors.push(tooMany(where, values.length, 255));
  values.forEach((value, i) => {
    if (codes.operator === "In" && value === 0)
      errors.push(invalidValue(where.index(i), value, "must not be 0 for the In operator"));
    if (values.indexOf(value) !== i) errors.push(duplicate(where.index(i), value));
  });
  if (values.some((value, i) => i > 0 && value < (values[i - 1] ?? 0)))
    errors.push(invalidValue(where, values, "must be ordered"));
  return errors;
}

/** When an indexed job may be called done before all its indexes are. */
export function validateSuccessPolicy(spec: JobSpec, at: Path): FieldError[] {
  const policy = spec.successPolicy;
  if (!policy) return [];
  if (spec.completionMode !== "Indexed")
    return [invalidValue(at, policy, "requires indexed completion mode")];
  const errors: FieldError[] = [];
  const rules = policy.rules ?? [];
  const where = at.child("rules");
  if (rules.length === 0)
    errors.push(required(where, "at least one rules must be specified when the successPolicy is specified"));
  if (rules.length > 20) errors.push(tooMany(where, rules.length, 20));
  rules.forEach((rule, i) =>
    errors.push(...validateSuccessRule(rule, spec.completions ?? 0, where.index(i))),
  );
  return errors;
}

const maxIndexesText = 64 * 1024;

function validateSuccessRule(rule: SuccessPolicyRule, completions: number, at: Path): FieldError[] {
  const { succeededCount: count, succeededIndexes: text } = rule;
  if (count === undefined && text === undefined)
    return [required(at, "at least one of succeededCount or succeededIndexes must be specified")];
  const errors: FieldError[] = [];
  const where = at.child("succeededIndexes");
  if ((text?.length ?? 0) > maxIndexesText) errors.push(tooLong(where, maxIndexesText));
  const indexes = parseIndexes(text ?? "", completions);
  if ("problem" in indexes)
    errors.push(invalidValue(where, text, `error parsing succeededIndexes: ${indexes.problem}`));
  if (count === undefined) return errors;
  errors.push(...validateNonNegative(count, at.child("succeededCount")));
  const atMost = (limit: number, what: string): void => {
    if (count > limit)
      errors.push(
        invalidValue(
          at.child("succeededCount"),
          count,
          `must be less than or equal to ${limit} (the number of ${what})`,
        ),
      );
  };
  atMost(completions, "specified completions");
  if (text !== undefined)
    atMost(
      "problem" in indexes ? 0 : countIndexes(indexes),
      "indexes in the specified succeededIndexes field",
    );
  return errors;
}
