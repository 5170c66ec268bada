import type { StatefulSet, StatefulSetSpec } from "@coracle/shared/api/generated/apps-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
} from "../../registry/field.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, dnsLabel } from "../shared/names.ts";
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

export function validateStatefulSet({ metadata, spec }: StatefulSet): FieldError[] {
  // Pods are named after the set, and their name is their host name.
  return [...check(dnsLabel, metadata.name ?? "", path("metadata", "name")), ...validateSpec(spec)];
}

function validateSpec(spec: StatefulSetSpec | undefined): FieldError[] {
  if (!spec) return [required(root.child("selector"))];
  const errors: FieldError[] = [];
  const policy = spec.podManagementPolicy;
  if (!policy) errors.push(required(root.child("podManagementPolicy")));
  else if (!["OrderedReady", "Parallel"].includes(policy))
    errors.push(
      invalidValue(root.child("podManagementPolicy"), policy, "must be 'OrderedReady' or 'Parallel'"),
    );
  errors.push(...validateStrategy(spec));
  const retention = spec.persistentVolumeClaimRetentionPolicy ?? {};
  for (const field of ["whenDeleted", "whenScaled"] as const)
    if (!["Retain", "Delete"].includes(retention[field] ?? ""))
      errors.push(
        notSupported(root.child("persistentVolumeClaimRetentionPolicy", field), retention[field] ?? "", [
          "Retain",
          "Delete",
        ]),
      );
  return [
    ...errors,
    ...validateNonNegative(spec.replicas, root.child("replicas")),
    ...validateNonNegative(spec.minReadySeconds, root.child("minReadySeconds")),
    ...validateNonNegative(spec.ordinals?.start, root.child("ordinals", "start")),
    ...validateSelectorAndTemplate(withClaims(spec), root, {
      selectorOf: "statefulset",
      templateOf: "StatefulSet",
    }),
  ];
}

/** The claims become volumes of each pod, under the templates' names: mounts may refer to them. */
function withClaims(spec: StatefulSetSpec): StatefulSetSpec {
  const { template } = spec;
  if (!template?.spec) return spec;
  const volumes = template.spec.volumes ?? [];
  const claims = (spec.volumeClaimTemplates ?? [])
    .map((claim) => claim.metadata?.name ?? "")
    .filter((name) => name !== "" && !volumes.some((v) => v.name === name))
    .map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...spec, template: { ...template, spec: { ...template.spec, volumes: [...volumes, ...claims] } } };
}

function validateStrategy(spec: StatefulSetSpec): FieldError[] {
  const at = root.child("updateStrategy");
  const strategy = spec.updateStrategy ?? {};
  if (!strategy.type) return [required(at)];
  if (strategy.type === "OnDelete")
    return strategy.rollingUpdate
      ? [
          invalidValue(
            at.child("rollingUpdate"),
            strategy.rollingUpdate,
            "only allowed for updateStrategy 'RollingUpdate'",
          ),
        ]
      : [];
  if (strategy.type !== "RollingUpdate")
    return [invalidValue(at, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  const { partition, maxUnavailable } = strategy.rollingUpdate ?? {};
  const where = at.child("rollingUpdate");
  const errors = [
    ...validateNonNegative(partition, where.child("partition")),
    ...validateIntOrPercent(maxUnavailable, where.child("maxUnavailable")),
  ];
  if (maxUnavailable !== undefined && amountOf(maxUnavailable) === 0)
    errors.push(invalidValue(where.child("maxUnavailable"), maxUnavailable, "cannot be 0"));
  return [...errors, ...notMoreThanAll(maxUnavailable, where.child("maxUnavailable"))];
}

const changeable = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
] as const;

export function validateStatefulSetUpdate(set: StatefulSet, old: StatefulSet): FieldError[] {
  const errors = validateSpec(set.spec);
  const fixed = (spec: StatefulSetSpec | undefined): object =>
    Object.fromEntries(Object.entries(spec ?? {}).filter(([field]) => !isChangeable(field)));
  if (!semanticEqual(fixed(set.spec), fixed(old.spec)))
    errors.push(
      forbiddenField(
        root,
        `updates to statefulset spec for fields other than ${changeable
          .slice(0, -1)
          .map((f) => `'${f}'`)
          .join(", ")} and 'minReadySeconds' are forbidden`,
      ),
    );
  return errors;
}

const isChangeable = (field: string): boolean => (changeable as readonly string[]).includes(field);

export function validateStatefulSetStatus({ status }: StatefulSet, old: StatefulSet): FieldError[] {
  const at = path("status");
  const errors = validateCounters(
    status,
    [
      "replicas",
      "readyReplicas",
      "currentReplicas",
      "updatedReplicas",
      "availableReplicas",
      "observedGeneration",
      "collisionCount",
    ],
    at,
  );
  if (!status) return errors;
  for (const field of ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"] as const)
    if ((status[field] ?? 0) > (status.replicas ?? 0))
      errors.push(
        invalidValue(at.child(field), status[field] ?? 0, "cannot be greater than status.replicas"),
      );
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0))
    errors.push(
      invalidValue(
        at.child("availableReplicas"),
        status.availableReplicas ?? 0,
        "cannot be greater than status.readyReplicas",
      ),
    );
  return [...errors, ...validateCollisions(status.collisionCount, old.status?.collisionCount)];
}
