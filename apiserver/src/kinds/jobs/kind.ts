import type { Job, JobSpec } from "@coracle/shared/api/generated/batch-v1.ts";
import { path } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, containerColumns, nameColumn, selectorCell, wide } from "../shared/columns.ts";
import { humanDuration } from "../shared/duration.ts";
import { setPodTemplateDefaults } from "../shared/pod/defaults.ts";
import { nameWarning } from "../shared/pod/warnings.ts";
import { validateJobStatus } from "./validate-status.ts";
import { validateJob, validateJobUpdate } from "./validate.ts";
import { jobWarnings } from "./warnings.ts";

export const jobs = defineKind<Job>({
  group: "batch",
  kind: "Job",
  categories: ["all"],
  namespaced: true,
  status: true,
  generation: true,
  defaultPropagation: "Orphan",
  propagationWarning:
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
  setDefaults,
  prepareForCreate: (job) => {
    job.status = {};
    generateSelector(job);
    // A job without labels of its own has those of its pods, the generated ones too.
    setDefaults(job);
  },
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  warnings: (job, old) => [...nameWarning(job, old), ...jobWarnings(job.spec, path("spec"), job, old)],
  validateStatusUpdate: validateJobStatus,
  selectableFields: { "status.successful": (job) => String(job.status?.succeeded ?? 0) },
  columns: [
    nameColumn,
    column("Status", statusCell),
    column("Completions", completionsCell),
    column("Duration", durationCell),
    ageColumn,
    ...containerColumns<Job>((job) => job.spec?.template?.spec?.containers),
    wide(column("Selector", (job) => selectorCell(job.spec?.selector))),
  ],
});

function setDefaults(job: Job): void {
  const { spec, metadata } = job;
  if (!spec) return;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1;
  const labels = spec.template?.metadata?.labels;
  if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  spec.completionMode ??= "NonIndexed";
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? "Failed" : "TerminatingOrFailed";
  setJobTemplateDefaults(spec);
}

/** Defaults that hold for the job of a cron job too. */
export function setJobTemplateDefaults(spec: JobSpec): void {
  for (const rule of spec.podFailurePolicy?.rules ?? [])
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= "True";
  setPodTemplateDefaults(spec.template);
}

const uidLabel = "batch.kubernetes.io/controller-uid";

/** Labels and a selector that no other job can have; the old names without a prefix are still there for those who use them. */
function generateSelector({ metadata, spec }: Job): void {
  if (!spec?.template || spec.manualSelector) return;
  const { uid = "", name = "" } = metadata;
  const meta = (spec.template.metadata ??= {});
  meta.labels = {
    "batch.kubernetes.io/controller-uid": uid,
    "batch.kubernetes.io/job-name": name,
    "controller-uid": uid,
    "job-name": name,
    ...meta.labels,
  };
  const selector = (spec.selector ??= {});
  selector.matchLabels = { [uidLabel]: uid, ...selector.matchLabels };
}

function statusCell({ metadata, status }: Job): string {
  const has = (type: string): boolean =>
    status?.conditions?.some((c) => c.type === type && c.status === "True") ?? false;
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (metadata.deletionTimestamp) return "Terminating";
  return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find(has) ?? "Running";
}

function completionsCell({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${done}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function durationCell({ status }: Job, now: Date): string {
  if (!status?.startTime) return "";
  const end = status.completionTime ? Date.parse(status.completionTime) : now.getTime();
  return humanDuration(end - Date.parse(status.startTime));
}
