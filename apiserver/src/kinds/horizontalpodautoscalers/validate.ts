import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
} from "@coracle/shared/api/generated/autoscaling-v2.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { check, dnsLabel, mustNotBeNegative, pathSegment } from "../shared/names.ts";
import { nano } from "../shared/quantity.ts";
import { validateCounters } from "../shared/workload.ts";

const root = path("spec");

export const validateAutoscaler = ({ spec }: HorizontalPodAutoscaler): FieldError[] => validateSpec(spec, 1);

/** Those that were allowed to scale to zero may stay so. */
export const validateAutoscalerUpdate = (
  { spec }: HorizontalPodAutoscaler,
  old: HorizontalPodAutoscaler,
): FieldError[] => validateSpec(spec, old.spec?.minReplicas === 0 ? 0 : 1);

function validateSpec(spec: HorizontalPodAutoscaler["spec"], least: number): FieldError[] {
  if (!spec) return [required(root)];
  const errors: FieldError[] = [];
  const { minReplicas, metrics = [] } = spec;
  const maxReplicas = spec.maxReplicas ?? 0;
  if (minReplicas !== undefined && minReplicas < least)
    errors.push(
      invalidValue(root.child("minReplicas"), minReplicas, `must be greater than or equal to ${least}`),
    );
  if (maxReplicas < 1)
    errors.push(invalidValue(root.child("maxReplicas"), maxReplicas, "must be greater than 0"));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(
      invalidValue(root.child("maxReplicas"), maxReplicas, "must be greater than or equal to `minReplicas`"),
    );
  errors.push(...validateReference(spec.scaleTargetRef, root.child("scaleTargetRef")));
  const at = root.child("metrics");
  metrics.forEach((metric, i) => errors.push(...validateMetric(metric, at.index(i))));
  if (minReplicas === 0 && !metrics.some((m) => m.type === "Object" || m.type === "External"))
    errors.push(
      forbiddenField(
        at,
        "must specify at least one Object or External metric to support scaling to zero replicas",
      ),
    );
  for (const field of ["scaleUp", "scaleDown"] as const) {
    const rules = spec.behavior?.[field];
    if (rules) errors.push(...validateRules(rules, root.child("behavior", field)));
  }
  return errors;
}

function validateReference(reference: CrossVersionObjectReference | undefined, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["kind", "name"] as const) {
    const value = reference?.[field];
    if (!value) errors.push(required(at.child(field)));
    else errors.push(...check(pathSegment, value, at.child(field)));
  }
  return errors;
}

/** Types of metrics and their fields, in the order in which upstream looks at the fields. */
const sources = {
  Object: "object",
  External: "external",
  Pods: "pods",
  Resource: "resource",
  ContainerResource: "containerResource",
} as const;

function validateMetric(metric: MetricSpec, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { type } = metric;
  if (!type) errors.push(required(at.child("type"), "must specify a metric source type"));
  const expected = Object.hasOwn(sources, type ?? "") ? sources[type as keyof typeof sources] : undefined;
  if (!expected) errors.push(notSupported(at.child("type"), type ?? "", Object.keys(sources).toSorted()));
  const present = Object.values(sources).filter((field) => metric[field]);
  const [first] = present;
  if (first) errors.push(...validateSource(metric, first, at.child(first)));
  if (expected && !metric[expected])
    errors.push(required(at.child(expected), "must populate information for the given metric source"));
  if (present.length !== 1)
    for (const field of present)
      if (field !== expected)
        errors.push(forbiddenField(at.child(field), "must populate the given metric source only"));
  return errors;
}

type Source = (typeof sources)[keyof typeof sources];

function validateSource(metric: MetricSpec, source: Source, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { object, containerResource } = metric;
  if (source === "object")
    errors.push(...validateReference(object?.describedObject, at.child("describedObject")));
  if (source === "object" || source === "pods" || source === "external") {
    const name = metric[source]?.metric?.name;
    const where = at.child("metric", "name");
    errors.push(
      ...(name ? check(pathSegment, name, where) : [required(where, "must specify a metric name")]),
    );
  } else if (!metric[source]?.name) {
    errors.push(required(at.child("name"), "must specify a resource name"));
  }
  if (source === "containerResource") {
    const where = at.child("container");
    const container = containerResource?.container;
    errors.push(
      ...(container ? check(dnsLabel, container, where) : [required(where, "must specify a container")]),
    );
  }
  const target = metric[source]?.target;
  return [
    ...errors,
    ...validateTarget(target, at.child("target")),
    ...validateAim(target, source, at.child("target")),
  ];
}

function validateTarget(target: MetricTarget | undefined, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { type = "", value, averageValue, averageUtilization } = target ?? {};
  if (!type) errors.push(required(at.child("type"), "must specify a metric target type"));
  if (!["Utilization", "Value", "AverageValue"].includes(type))
    errors.push(invalidValue(at.child("type"), type, "must be either Utilization, Value, or AverageValue"));
  if (value !== undefined && nano(value) <= 0n)
    errors.push(invalidValue(at.child("value"), value, "must be positive"));
  if (averageValue !== undefined && nano(averageValue) <= 0n)
    errors.push(invalidValue(at.child("averageValue"), averageValue, "must be positive"));
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalidValue(at.child("averageUtilization"), averageUtilization, "must be greater than 0"));
  return errors;
}

/** What each source must be aimed at. */
function validateAim(target: MetricTarget | undefined, source: Source, at: Path): FieldError[] {
  const { value, averageValue, averageUtilization } = target ?? {};
  const average = at.child("averageValue");
  switch (source) {
    case "object":
      return value === undefined && averageValue === undefined
        ? [required(average, "must set either a target value or averageValue")]
        : [];
    case "external":
      if (value === undefined && averageValue === undefined)
        return [required(average, "must set either a target value for metric or a per-pod target")];
      return value !== undefined && averageValue !== undefined
        ? [
            forbiddenField(
              at.child("value"),
              "may not set both a target value for metric and a per-pod target",
            ),
          ]
        : [];
    case "pods":
      return averageValue === undefined
        ? [required(average, "must specify a positive target averageValue")]
        : [];
    default: {
      const either = "a target raw value";
      const or = "a target utilization";
      if (averageUtilization === undefined && averageValue === undefined)
        return [required(at.child("averageUtilization"), `must set either ${either} or ${or}`)];
      return averageUtilization !== undefined && averageValue !== undefined
        ? [forbiddenField(average, `may not set both ${either} and ${or}`)]
        : [];
    }
  }
}

function validateRules(rules: HPAScalingRules, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [] } = rules;
  if (window !== undefined && window < 0)
    errors.push(
      invalidValue(at.child("stabilizationWindowSeconds"), window, "must be greater than or equal to zero"),
    );
  if (window !== undefined && window > 3600)
    errors.push(
      invalidValue(at.child("stabilizationWindowSeconds"), window, "must be less than or equal to 3600"),
    );
  const choices = ["Disabled", "Max", "Min"];
  if (selectPolicy !== undefined && !choices.includes(selectPolicy))
    errors.push(notSupported(at.child("selectPolicy"), selectPolicy, choices));
  if (policies.length === 0) errors.push(required(at.child("policies"), "must specify at least one Policy"));
  policies.forEach((policy, i) => {
    const where = at.child("policies").index(i);
    if (!["Percent", "Pods"].includes(policy.type))
      errors.push(notSupported(where.child("type"), policy.type ?? "", ["Percent", "Pods"]));
    if (!(policy.value > 0))
      errors.push(invalidValue(where.child("value"), policy.value ?? 0, "must be greater than zero"));
    if (!(policy.periodSeconds > 0))
      errors.push(
        invalidValue(where.child("periodSeconds"), policy.periodSeconds ?? 0, "must be greater than zero"),
      );
    if (policy.periodSeconds > 1800)
      errors.push(
        invalidValue(
          where.child("periodSeconds"),
          policy.periodSeconds,
          "must be less than or equal to 1800",
        ),
      );
  });
  if (rules.tolerance !== undefined && nano(rules.tolerance) < 0n)
    errors.push(invalidValue(at.child("tolerance"), rules.tolerance, mustNotBeNegative));
  return errors;
}

export const validateAutoscalerStatus = ({ status }: HorizontalPodAutoscaler): FieldError[] =>
  validateCounters(status, ["currentReplicas", "desiredReplicas"], path("status"));
