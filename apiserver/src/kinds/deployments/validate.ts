import type { Deployment, DeploymentStrategy } from "@coracle/shared/api/generated/apps-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import {
  amountOf,
  notMoreThanAll,
  validateCollisions,
  validateCounters,
  validateIntOrPercent,
  validateNonNegative,
  validateSelectorAndTemplate,
} from "../shared/workload.ts";

const root = path("spec");

export function validateDeployment({ spec }: Deployment): FieldError[] {
  if (!spec) return [required(root.child("selector")), required(root.child("template"))];
  const errors = [
    ...validateNonNegative(spec.replicas, root.child("replicas")),
    ...validateSelectorAndTemplate(spec, root, { selectorOf: "deployment", templateOf: "ReplicaSet" }),
    ...validateStrategy(spec.strategy ?? {}, root.child("strategy")),
    ...validateNonNegative(spec.minReadySeconds, root.child("minReadySeconds")),
    ...validateNonNegative(spec.revisionHistoryLimit, root.child("revisionHistoryLimit")),
    ...validateNonNegative(spec.progressDeadlineSeconds, root.child("progressDeadlineSeconds")),
  ];
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0))
    errors.push(
      invalidValue(root.child("progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds"),
    );
  return errors;
}

function validateStrategy(strategy: DeploymentStrategy, at: Path): FieldError[] {
  switch (strategy.type) {
    case "Recreate":
      return strategy.rollingUpdate
        ? [
            forbiddenField(
              at.child("rollingUpdate"),
              "may not be specified when strategy `type` is 'Recreate'",
            ),
          ]
        : [];
    case "RollingUpdate": {
      const { maxSurge, maxUnavailable } = strategy.rollingUpdate ?? {};
      const where = at.child("rollingUpdate");
      if (!strategy.rollingUpdate) return [required(where, "this should be defaulted and never be nil")];
      const errors = [
        ...validateIntOrPercent(maxUnavailable, where.child("maxUnavailable")),
        ...validateIntOrPercent(maxSurge, where.child("maxSurge")),
      ];
      if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0)
        errors.push(
          invalidValue(
            where.child("maxUnavailable"),
            maxUnavailable ?? 0,
            "may not be 0 when `maxSurge` is 0",
          ),
        );
      return [...errors, ...notMoreThanAll(maxUnavailable, where.child("maxUnavailable"))];
    }
    default:
      return [notSupported(at, strategy, ["Recreate", "RollingUpdate"])];
  }
}

export function validateDeploymentStatus(deployment: Deployment, old: Deployment): FieldError[] {
  const at = path("status");
  const { status } = deployment;
  const errors = validateCounters(
    status,
    [
      "observedGeneration",
      "replicas",
      "updatedReplicas",
      "readyReplicas",
      "availableReplicas",
      "unavailableReplicas",
      "terminatingReplicas",
      "collisionCount",
    ],
    at,
  );
  if (!status) return errors;
  const all = status.replicas ?? 0;
  const beyond = "cannot be greater than status.replicas";
  for (const field of ["updatedReplicas", "readyReplicas", "availableReplicas"] as const)
    if ((status[field] ?? 0) > all) errors.push(invalidValue(at.child(field), status[field] ?? 0, beyond));
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0))
    errors.push(
      invalidValue(
        at.child("availableReplicas"),
        status.availableReplicas ?? 0,
        "cannot be greater than readyReplicas",
      ),
    );
  return [...errors, ...validateCollisions(status.collisionCount, old.status?.collisionCount)];
}
