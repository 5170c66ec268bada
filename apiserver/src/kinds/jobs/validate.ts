import type { PodSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { Job, JobSpec } from "@coracle/shared/api/generated/batch-v1.ts";
import {
  immutable,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { semanticEqual } from "../shared/equal.ts";
import { dnsLabel, qualifiedName } from "../shared/names.ts";
import { validatePodTemplate } from "../shared/pod/validate-spec.ts";
import { selectorMatches, validateLabelSelector } from "../shared/selector.ts";
import { validateCounters, validateImmutable, validateNonNegative } from "../shared/workload.ts";
import { validateFailurePolicy, validateSuccessPolicy } from "./validate-policies.ts";

const root = path("spec");

export function validateJob(job: Job): FieldError[] {
  const spec = job.spec;
  if (!spec) return [required(root.child("template"))];
  const errors = [...validateGenerated(job), ...validateIndexedName(job), ...validateJobSpec(spec, root)];
  if (!spec.selector) return [...errors, required(root.child("selector"))];
  errors.push(...validateLabelSelector(spec.selector, root.child("selector")));
  const labels = spec.template?.metadata?.labels;
  if (!selectorMatches(spec.selector, labels))
    errors.push(
      invalidValue(
        root.child("template", "metadata", "labels"),
        labels ?? null,
        "`selector` does not match template `labels`",
      ),
    );
  return errors;
}

/** A template that claims another job's generated labels is refused. */
function validateGenerated({ metadata, spec }: Job): FieldError[] {
  if (spec?.manualSelector) return [];
  const at = root.child("template", "metadata", "labels");
  const labels = spec?.template?.metadata?.labels ?? {};
  const expected = {
    "controller-uid": metadata.uid ?? "",
    "job-name": metadata.name ?? "",
    "batch.kubernetes.io/controller-uid": metadata.uid ?? "",
    "batch.kubernetes.io/job-name": metadata.name ?? "",
  };
  const errors = Object.entries(expected).flatMap(([key, value]) => {
    if (labels[key] === value) return [];
    return labels[key] === undefined
      ? [required(at.key(key), `must be '${value}'`)]
      : [invalidValue(at.key(key), labels, `must be '${value}'`)];
  });
  if (spec?.selector && !selectorMatches(spec.selector, expected))
    errors.push(invalidValue(root.child("selector"), spec.selector, "`selector` not auto-generated"));
  return errors;
}

/** The pods of an indexed job have host names that end in their index. */
function validateIndexedName({ metadata, spec }: Job): FieldError[] {
  if (spec?.completionMode !== "Indexed" || !spec.completions) return [];
  const host = `${metadata.name}-${spec.completions - 1}`;
  const wrong = dnsLabel(host);
  if (wrong.length === 0) return [];
  return [
    invalidValue(
      path("metadata", "name"),
      metadata.name ?? "",
      `will not able to create pod with invalid DNS label: ${host}`,
    ),
  ];
}

/** Rules for jobs and for the jobs of cron jobs. */
export function validateJobSpec(spec: JobSpec, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of [
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
  ] as const)
    errors.push(...validateNonNegative(spec[field], at.child(field)));
  errors.push(
    ...validateMode(spec, at),
    ...validateManagedBy(spec, at),
    ...validatePodTemplate(spec.template, at.child("template")),
  );
  errors.push(...validateRestartPolicy(spec.template?.spec, at));
  errors.push(...validateFailurePolicy(spec, at), ...validateSuccessPolicy(spec, at));
  const replacement = spec.podReplacementPolicy;
  if (replacement !== undefined) {
    const known = spec.podFailurePolicy ? ["Failed"] : ["Failed", "TerminatingOrFailed"];
    if (!known.includes(replacement))
      errors.push(notSupported(at.child("podReplacementPolicy"), replacement, known));
  }
  return errors;
}

function validateMode(spec: JobSpec, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { completionMode: mode, completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec;
  if (mode !== undefined && mode !== "NonIndexed" && mode !== "Indexed")
    errors.push(notSupported(at.child("completionMode"), mode, ["NonIndexed", "Indexed"]));
  if (mode === "Indexed") {
    if (completions === undefined)
      errors.push(required(at.child("completions"), "when completion mode is Indexed"));
    if (parallelism > 100_000)
      errors.push(
        invalidValue(
          at.child("parallelism"),
          parallelism,
          "must be less than or equal to 100000 when completion mode is Indexed",
        ),
      );
    if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions)
      errors.push(
        invalidValue(
          at.child("maxFailedIndexes"),
          maxFailedIndexes,
          "must be less than or equal to completions",
        ),
      );
  } else {
    if (backoffLimitPerIndex !== undefined)
      errors.push(
        invalidValue(
          at.child("backoffLimitPerIndex"),
          backoffLimitPerIndex,
          "requires indexed completion mode",
        ),
      );
    if (maxFailedIndexes !== undefined)
      errors.push(
        invalidValue(at.child("maxFailedIndexes"), maxFailedIndexes, "requires indexed completion mode"),
      );
  }
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined)
    errors.push(required(at.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
  return errors;
}

function validateManagedBy(spec: JobSpec, at: Path): FieldError[] {
  const value = spec.managedBy;
  if (value === undefined) return [];
  const where = at.child("managedBy");
  const slash = value.indexOf("/");
  if (slash <= 0 || slash === value.length - 1)
    return [invalidValue(where, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  if (value.length > 63)
    return [
      { reason: "FieldValueTooLong", field: where.text, message: "Too long: may not be more than 63 bytes" },
    ];
  return qualifiedName(value).map((message) => invalidValue(where, value, message));
}

function validateRestartPolicy(pod: PodSpec | undefined, at: Path): FieldError[] {
  const where = at.child("template", "spec", "restartPolicy");
  const policy = pod?.restartPolicy ?? "";
  // "Always" is what the default made of nothing.
  if (policy === "" || policy === "Always") return [required(where, 'valid values: "OnFailure", "Never"')];
  return policy === "OnFailure" || policy === "Never"
    ? []
    : [notSupported(where, policy, ["OnFailure", "Never"])];
}

export function validateJobUpdate(job: Job, old: Job): FieldError[] {
  const errors = validateJob(job);
  const next = job.spec;
  const before = old.spec;
  if (!next || !before) return errors;
  errors.push(...validateCompletions(next, before));
  errors.push(...validateImmutable(next.selector, before.selector, root.child("selector")));
  errors.push(...validateTemplateUpdate(job, old));
  for (const field of [
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "managedBy",
    "successPolicy",
  ] as const)
    errors.push(...validateImmutable(next[field], before[field], root.child(field)));
  return errors;
}

/** An indexed job may grow and shrink when its parallelism goes along. */
function validateCompletions(next: JobSpec, before: JobSpec): FieldError[] {
  if (next.completions === before.completions) return [];
  const at = root.child("completions");
  if (next.completionMode !== "Indexed") return [immutable(at, next.completions ?? null)];
  return next.completions === next.parallelism
    ? []
    : [
        invalidValue(
          at,
          next.completions ?? null,
          "can only be modified in tandem with parallelism and only when completions == parallelism",
        ),
      ];
}

/** Before a suspended job has started, scheduling hints, labels, annotations and resources of its pods may change. */
function validateTemplateUpdate(job: Job, old: Job): FieldError[] {
  const template = structuredClone(job.spec?.template);
  const before = old.spec?.template;
  const mutable = old.spec?.suspend && !old.status?.startTime;
  if (mutable && template?.spec && before?.spec) {
    const fields = ["nodeSelector", "affinity", "tolerations", "schedulingGates"] as const;
    for (const field of fields) Object.assign(template.spec, { [field]: before.spec[field] });
    if (template.metadata && before.metadata) {
      template.metadata.labels = before.metadata.labels;
      template.metadata.annotations = before.metadata.annotations;
    }
    for (const list of ["containers", "initContainers"] as const)
      (template.spec[list] ?? []).forEach((container, i) => {
        container.resources = before.spec?.[list]?.[i]?.resources;
      });
  }
  return semanticEqual(template, before)
    ? []
    : [immutable(root.child("template"), job.spec?.template ?? null)];
}

export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const at = path("status");
  const errors = validateCounters(job.status, ["active", "succeeded", "failed", "terminating", "ready"], at);
  const ended = (status: Job["status"], type: string): boolean =>
    status?.conditions?.some((c) => c.type === type && c.status === "True") ?? false;
  for (const type of ["Complete", "Failed"])
    if (ended(old.status, type) && !ended(job.status, type))
      errors.push(
        invalidValue(at.child("conditions"), type, `cannot disable the terminal ${type}=True condition`),
      );
  if (ended(job.status, "Complete") && ended(job.status, "Failed"))
    errors.push(
      invalidValue(at.child("conditions"), "Complete", "cannot set Complete=True and Failed=true conditions"),
    );
  return errors;
}
