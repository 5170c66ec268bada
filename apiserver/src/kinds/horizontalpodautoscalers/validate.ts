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
import { check, mustNotBeNegative, pathSegment } from "../shared/names.ts";
import { nano } from "../shared/quantity.ts";
import { validateLabelSelector } from "../shared/selector.ts";
import { validateCounters } from "../shared/workload.ts";

const root = path("spec");

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  if (!spec) return [required(root)];
  const errors: FieldError[] = [];
  const { minReplicas } = spec;
  const maxReplicas = spec.maxReplicas ?? 0;
  if (minReplicas !== undefined && minReplicas < 1)
    errors.push(invalidValue(root.child("minReplicas"), minReplicas, "must be greater than or equal to 1"));
  if (maxReplicas < 1)
    errors.push(invalidValue(root.child("maxReplicas"), maxReplicas, "must be greater than 0"));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(
      invalidValue(root.child("maxReplicas"), maxReplicas, "must be greater than or equal to `minReplicas`"),
    );
  errors.push(...validateReference(spec.scaleTargetRef, root.child("scaleTargetRef")));
  (spec.metrics ?? []).forEach((metric, i) =>
    errors.push(...validateMetric(metric, root.child("metrics").index(i))),
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

const sources = {
  Object: "object",
  Pods: "pods",
  Resource: "resource",
  ContainerResource: "containerResource",
  External: "external",
} as const;

function validateMetric(metric: MetricSpec, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const types = Object.keys(sources).toSorted();
  if (!metric.type) return [required(at.child("type"), "must specify a metric source type")];
  const expected = Object.hasOwn(sources, metric.type)
    ? sources[metric.type as keyof typeof sources]
    : undefined;
  if (!expected) return [notSupported(at.child("type"), metric.type, types)];
  for (const field of Object.values(sources))
    if (metric[field] && field !== expected)
      errors.push(forbiddenField(at.child(field), "must populate the given metric source only"));
  if (!metric[expected])
    return [...errors, required(at.child(expected), "must populate information for the given metric source")];
  return [...errors, ...validateSource(metric, at.child(expected))];
}

function validateSource(metric: MetricSpec, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { object, pods, resource, containerResource, external } = metric;
  const named = object?.metric ?? pods?.metric ?? external?.metric;
  if (object) errors.push(...validateReference(object.describedObject, at.child("describedObject")));
  if (object || pods || external) {
    if (!named?.name) errors.push(required(at.child("metric", "name"), "must specify a metric name"));
    else errors.push(...check(pathSegment, named.name, at.child("metric", "name")));
    errors.push(...validateLabelSelector(named?.selector, at.child("metric", "selector")));
  }
  if (resource && !resource.name) errors.push(required(at.child("name"), "must specify a resource name"));
  if (containerResource) {
    if (!containerResource.name) errors.push(required(at.child("name"), "must specify a resource name"));
    if (!containerResource.container)
      errors.push(required(at.child("container"), "must specify a container"));
  }
  const target = (object ?? pods ?? resource ?? containerResource ?? external)?.target;
  return [...errors, ...validateTarget(target, metric.type, at.child("target"))];
}

function validateTarget(target: MetricTarget | undefined, source: string, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (!target?.type) errors.push(required(at.child("type"), "must specify a metric target type"));
  else if (!["Utilization", "Value", "AverageValue"].includes(target.type))
    errors.push(
      invalidValue(at.child("type"), target.type, "must be either Utilization, Value, or AverageValue"),
    );
  if (!target) return errors;
  const { value, averageValue, averageUtilization } = target;
  if (value !== undefined && nano(value) <= 0n)
    errors.push(invalidValue(at.child("value"), value, "must be positive"));
  if (averageValue !== undefined && nano(averageValue) <= 0n)
    errors.push(invalidValue(at.child("averageValue"), averageValue, "must be positive"));
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalidValue(at.child("averageUtilization"), averageUtilization, "must be greater than 0"));
  const given = [averageUtilization, averageValue].filter((v) => v !== undefined).length;
  switch (source) {
    case "Resource":
    case "ContainerResource":
      if (given === 0)
        errors.push(
          required(
            at.child("averageUtilization"),
            "must set either a target raw value or a target utilization",
          ),
        );
      if (given === 2)
        errors.push(
          forbiddenField(
            at.child("averageValue"),
            "may not set both a target raw value and a target utilization",
          ),
        );
      break;
    case "Pods":
      if (averageValue === undefined)
        errors.push(required(at.child("averageValue"), "must specify a positive target averageValue"));
      break;
    default:
      if (value === undefined && averageValue === undefined)
        errors.push(required(at.child("averageValue"), "must set either a target value or averageValue"));
  }
  return errors;
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
    else if (policy.periodSeconds > 1800)
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
