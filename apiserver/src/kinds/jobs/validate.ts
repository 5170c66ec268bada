import type { Affinity, PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { Job, JobSpec } from "@coracle/shared/api/generated/batch-v1.ts";
import {
  immutable,
  invalidValue,
  notSupported,
  path,
  required,
  tooLong,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { semanticEqual } from "../shared/equal.ts";
import { dnsLabel, domainPrefixedPath } from "../shared/names.ts";
import { validatePodTemplate } from "../shared/pod/validate-spec.ts";
import { selectorMatches, validateLabelSelector } from "../shared/selector.ts";
import { validateImmutable, validateNonNegative } from "../shared/workload.ts";
import { validateFailurePolicy, validateSuccessPolicy } from "./validate-policies.ts";

const root = path("spec");

export function validateJob(job: Job): FieldError[] {
  const spec = job.spec;
  if (!spec) return [required(root.child("template"))];
  return [
    ...validateGenerated(job),
    ...validateJobSpec(spec, root),
    ...validateSelector(spec),
    ...validateIndexedName(job),
  ];
}

function validateSelector({ selector, template }: JobSpec): FieldError[] {
  const at = root.child("selector");
  const errors = selector ? validateLabelSelector(selector, at) : [required(at)];
  const labels = template?.metadata?.labels;
  if (!selector || !selectorMatches(selector, labels))
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
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(required(at.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
  return [
    ...errors,
    ...validateManagedBy(spec, at),
    ...validateMode(spec, at),
    ...validateFailurePolicy(spec, at.child("podFailurePolicy")),
    ...validateSuccessPolicy(spec, at.child("successPolicy")),
    ...validateReplacement(spec, at.child("podReplacementPolicy")),
    ...validatePodTemplate(spec.template, at.child("template")),
    ...validateRestartPolicy(spec, at.child("template", "spec", "restartPolicy")),
  ];
}

function validateMode(spec: JobSpec, at: Path): FieldError[] {
  const { completionMode: mode = "NonIndexed" } = spec;
  if (mode === "Indexed") return validateIndexed(spec, at);
  if (mode !== "NonIndexed")
    return [notSupported(at.child("completionMode"), mode, ["NonIndexed", "Indexed"])];
  return (["backoffLimitPerIndex", "maxFailedIndexes"] as const).flatMap((field) =>
    spec[field] === undefined
      ? []
      : [invalidValue(at.child(field), spec[field], "requires indexed completion mode")],
  );
}

/** What the status can hold: lists of indexes grow with gaps between them. */
const many = 100_000;
const fewerWhenMany = 10_000;

function validateIndexed(spec: JobSpec, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec;
  const atMost = (field: "parallelism" | "maxFailedIndexes", value: number, limit: string): void => {
    errors.push(invalidValue(at.child(field), value, `must be less than or equal to ${limit}`));
  };
  if (completions === undefined)
    errors.push(required(at.child("completions"), "when completion mode is Indexed"));
  if (parallelism > many) atMost("parallelism", parallelism, `${many} when completion mode is Indexed`);
  if (maxFailedIndexes !== undefined && completions !== undefined && maxFailedIndexes > completions)
    atMost("maxFailedIndexes", maxFailedIndexes, "completions");
  if (maxFailedIndexes !== undefined && maxFailedIndexes > many)
    atMost("maxFailedIndexes", maxFailedIndexes, `${many}`);
  if ((completions ?? 0) <= many || backoffLimitPerIndex === undefined) return errors;
  const limit = `${fewerWhenMany} when completions are above ${many} and used with backoff limit per index`;
  if (maxFailedIndexes === undefined)
    errors.push(
      required(at.child("maxFailedIndexes"), `must be specified when completions is above ${many}`),
    );
  if (parallelism > fewerWhenMany) atMost("parallelism", parallelism, limit);
  if (maxFailedIndexes !== undefined && maxFailedIndexes > fewerWhenMany)
    atMost("maxFailedIndexes", maxFailedIndexes, limit);
  return errors;
}

function validateReplacement(spec: JobSpec, at: Path): FieldError[] {
  const replacement = spec.podReplacementPolicy;
  const known = spec.podFailurePolicy ? ["Failed"] : ["Failed", "TerminatingOrFailed"];
  return replacement === undefined || known.includes(replacement)
    ? []
    : [notSupported(at, replacement, known)];
}

function validateManagedBy({ managedBy }: JobSpec, at: Path): FieldError[] {
  if (managedBy === undefined) return [];
  const where = at.child("managedBy");
  const errors = domainPrefixedPath(managedBy, where);
  return managedBy.length > 63 ? [...errors, tooLong(where, 63)] : errors;
}

function validateRestartPolicy(spec: JobSpec, at: Path): FieldError[] {
  const policy = spec.template?.spec?.restartPolicy ?? "";
  // "Always" is what the default made of nothing.
  if (policy === "" || policy === "Always") return [required(at, 'valid values: "OnFailure", "Never"')];
  if (policy !== "OnFailure" && policy !== "Never") return [notSupported(at, policy, ["OnFailure", "Never"])];
  return spec.podFailurePolicy && policy !== "Never"
    ? [invalidValue(at, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    : [];
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
  if (next.completions === undefined || next.completions === next.parallelism) return [];
  return [invalidValue(at, next.completions, "can only be modified in tandem with spec.parallelism")];
}

/** Before a suspended job has started, where its pods may run, their labels, annotations and resources may change. */
function validateTemplateUpdate(job: Job, old: Job): FieldError[] {
  const template = structuredClone(job.spec?.template);
  const before = old.spec?.template;
  if (template && before && old.spec?.suspend && !old.status?.startTime) takeOverHints(template, before);
  return semanticEqual(template, before)
    ? []
    : [immutable(root.child("template"), job.spec?.template ?? null)];
}

function takeOverHints(template: PodTemplateSpec, before: PodTemplateSpec): void {
  const { labels, annotations } = before.metadata ?? {};
  template.metadata = { ...template.metadata, labels, annotations };
  const spec = template.spec;
  if (!spec || !before.spec) return;
  for (const field of ["nodeSelector", "tolerations", "schedulingGates"] as const)
    Object.assign(spec, { [field]: before.spec[field] });
  // Affinity to nodes is a hint; to other pods it is not.
  const others = (affinity: Affinity = {}): Affinity => ({ ...affinity, nodeAffinity: undefined });
  if (semanticEqual(others(spec.affinity), others(before.spec.affinity)))
    spec.affinity = before.spec.affinity;
  for (const list of ["containers", "initContainers"] as const)
    (spec[list] ?? []).forEach((container, i) => {
      container.resources = before.spec?.[list]?.[i]?.resources;
    });
}
