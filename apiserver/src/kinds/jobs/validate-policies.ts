import type { JobSpec, PodFailurePolicyRule } from "@coracle/shared/api/generated/batch-v1.ts";
import {
  duplicate,
  invalidValue,
  notSupported,
  required,
  tooMany,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { check, qualifiedName } from "../shared/names.ts";

const actions = ["Count", "FailIndex", "FailJob", "Ignore"];

/** What a failed pod means for its job. */
export function validateFailurePolicy(spec: JobSpec, at: Path): FieldError[] {
  const policy = spec.podFailurePolicy;
  if (!policy) return [];
  const errors: FieldError[] = [];
  const restart = spec.template?.spec?.restartPolicy;
  if (restart !== "Never")
    errors.push(
      invalidValue(
        at.child("template", "spec", "restartPolicy"),
        restart ?? "",
        'only "Never" is supported when podFailurePolicy is specified',
      ),
    );
  const rules = policy.rules ?? [];
  const where = at.child("podFailurePolicy", "rules");
  if (rules.length > 20) errors.push(tooMany(where, rules.length, 20));
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
  const errors: FieldError[] = [];
  if (!rule.action)
    errors.push(required(at.child("action"), `valid values: ${actions.map((a) => `"${a}"`).join(", ")}`));
  else if (!actions.includes(rule.action))
    errors.push(notSupported(at.child("action"), rule.action, actions));
  else if (rule.action === "FailIndex" && spec.backoffLimitPerIndex === undefined)
    errors.push(invalidValue(at.child("action"), rule.action, "requires the backoffLimitPerIndex to be set"));
  const conditions = rule.onPodConditions ?? [];
  if (rule.onExitCodes && conditions.length > 0)
    errors.push(invalidValue(at, null, "specifying both OnExitCodes and OnPodConditions is not supported"));
  if (!rule.onExitCodes && conditions.length === 0)
    errors.push(invalidValue(at, null, "specifying one of OnExitCodes and OnPodConditions is required"));
  if (rule.onExitCodes)
    errors.push(...validateExitCodes(rule.onExitCodes, containers, at.child("onExitCodes")));
  conditions.forEach((condition, i) => {
    const where = at.child("onPodConditions").index(i);
    errors.push(...check(qualifiedName, condition.type ?? "", where.child("type")));
    if (!condition.status)
      errors.push(required(where.child("status"), 'valid values: "False", "True", "Unknown"'));
    else if (!["False", "True", "Unknown"].includes(condition.status))
      errors.push(notSupported(where.child("status"), condition.status, ["False", "True", "Unknown"]));
  });
  return errors;
}

function validateExitCodes(
  codes: NonNullable<PodFailurePolicyRule["onExitCodes"]>,
  containers: readonly string[],
  at: Path,
): FieldError[] {
  const errors: FieldError[] = [];
  if (codes.containerName !== undefined && !containers.includes(codes.containerName))
    errors.push(
      invalidValue(
        at.child("containerName"),
        codes.containerName,
        "must be one of the container or initContainer names in the pod template",
      ),
    );
  if (!codes.operator) errors.push(required(at.child("operator"), 'valid values: "In", "NotIn"'));
  else if (!["In", "NotIn"].includes(codes.operator))
    errors.push(notSupported(at.child("operator"), codes.operator, ["In", "NotIn"]));
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
  const where = at.child("successPolicy");
  const errors: FieldError[] = [];
  if (spec.completionMode !== "Indexed")
    errors.push(invalidValue(where, policy, "requires indexed completion mode"));
  const rules = policy.rules ?? [];
  if (rules.length === 0)
    errors.push(
      required(
        where.child("rules"),
        "at least one rules must be specified when the successPolicy is specified",
      ),
    );
  if (rules.length > 20) errors.push(tooMany(where.child("rules"), rules.length, 20));
  rules.forEach((rule, i) => {
    const here = where.child("rules").index(i);
    if (rule.succeededCount === undefined && rule.succeededIndexes === undefined)
      errors.push(required(here, "at least one of succeededCount or succeededIndexes must be specified"));
    if (rule.succeededIndexes !== undefined)
      errors.push(
        ...validateIndexes(rule.succeededIndexes, spec.completions ?? 0, here.child("succeededIndexes")),
      );
    if (rule.succeededCount !== undefined && rule.succeededCount <= 0)
      errors.push(invalidValue(here.child("succeededCount"), rule.succeededCount, "must be greater than 0"));
    else if ((rule.succeededCount ?? 0) > (spec.completions ?? 0))
      errors.push(
        invalidValue(
          here.child("succeededCount"),
          rule.succeededCount ?? 0,
          `must be less than or equal to ${spec.completions ?? 0} (the number of specified completions)`,
        ),
      );
  });
  return errors;
}

/** Indexes in rising order with ranges: `0,2-4`. */
function validateIndexes(text: string, completions: number, at: Path): FieldError[] {
  let last = -1;
  for (const part of text.split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    const first = Number(match?.[1] ?? Number.NaN);
    const end = Number(match?.[2] ?? first);
    if (!match || first <= last || end < first || end >= completions)
      return [
        invalidValue(at, text, `error parsing succeededIndexes: invalid interval ${JSON.stringify(part)}`),
      ];
    last = end;
  }
  return [];
}
