import type { CronJob } from "@coracle/shared/api/generated/batch-v1.ts";
import { invalidValue, notSupported, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { setJobTemplateDefaults } from "../jobs/kind.ts";
import { validateJobSpec } from "../jobs/validate.ts";
import { jobWarnings } from "../jobs/warnings.ts";
import {
  ageColumn,
  column,
  containerColumns,
  integerColumn,
  nameColumn,
  none,
  selectorCell,
  wide,
} from "../shared/columns.ts";
import { cronProblem, hasTimeZone, timeZoneProblem } from "../shared/cron.ts";
import { since } from "../shared/duration.ts";
import { nameWarning } from "../shared/pod/warnings.ts";
import { validateNonNegative } from "../shared/workload.ts";

const root = path("spec");

export const cronJobs = defineKind<CronJob>({
  group: "batch",
  kind: "CronJob",
  shortNames: ["cj"],
  categories: ["all"],
  namespaced: true,
  status: true,
  generation: true,
  setDefaults,
  prepareForCreate: (cron) => {
    cron.status = {};
  },
  validate,
  validateUpdate: validateSpec,
  warnings: (cron, old) => [
    ...nameWarning(cron, old),
    ...jobWarnings(cron.spec?.jobTemplate?.spec, root.child("jobTemplate", "spec"), cron, old),
  ],
  columns: [
    nameColumn,
    column("Schedule", (cron) => cron.spec?.schedule ?? ""),
    column("Timezone", (cron) => cron.spec?.timeZone ?? none),
    column("Suspend", (cron) =>
      cron.spec?.suspend === undefined ? "<unset>" : cron.spec.suspend ? "True" : "False",
    ),
    integerColumn("Active", (cron) => cron.status?.active?.length ?? 0),
    column("Last Schedule", (cron, now) =>
      cron.status?.lastScheduleTime ? since(cron.status.lastScheduleTime, now) : none,
    ),
    ageColumn,
    ...containerColumns<CronJob>((cron) => cron.spec?.jobTemplate?.spec?.template?.spec?.containers),
    wide(column("Selector", (cron) => selectorCell(cron.spec?.jobTemplate?.spec?.selector))),
  ],
});

function setDefaults({ spec }: CronJob): void {
  if (!spec) return;
  spec.concurrencyPolicy ||= "Allow";
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
  if (spec.jobTemplate?.spec) setJobTemplateDefaults(spec.jobTemplate.spec);
}

function validate(cron: CronJob): FieldError[] {
  const name = cron.metadata.name ?? "";
  const errors = validateSpec(cron);
  // The controller appends eleven characters to name a job.
  if (name.length > 52)
    errors.push(invalidValue(path("metadata", "name"), name, "must be no more than 52 characters"));
  return errors;
}

function validateSpec({ spec }: CronJob, old?: CronJob): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec?.schedule) errors.push(required(root.child("schedule")));
  else errors.push(...validateSchedule(spec.schedule, spec.timeZone, old?.spec?.schedule));
  errors.push(...validateNonNegative(spec?.startingDeadlineSeconds, root.child("startingDeadlineSeconds")));
  if (spec?.timeZone !== undefined && spec.timeZone !== old?.spec?.timeZone) {
    const problem = timeZoneProblem(spec.timeZone);
    if (problem) errors.push(invalidValue(root.child("timeZone"), spec.timeZone, problem));
  }
  const policies = ["Allow", "Forbid", "Replace"];
  if (!spec?.concurrencyPolicy) errors.push(required(root.child("concurrencyPolicy")));
  else if (!policies.includes(spec.concurrencyPolicy))
    errors.push(notSupported(root.child("concurrencyPolicy"), spec.concurrencyPolicy, policies));
  errors.push(...validateTemplate(spec?.jobTemplate));
  for (const field of ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] as const)
    errors.push(...validateNonNegative(spec?.[field], root.child(field)));
  return errors;
}

/** Zones in schedules are a thing of the past: those that have one may keep it. */
function validateSchedule(schedule: string, timeZone?: string, old = ""): FieldError[] {
  const at = root.child("schedule");
  const problem = cronProblem(schedule);
  const errors = problem ? [invalidValue(at, schedule, problem)] : [];
  if (!hasTimeZone(schedule)) return errors;
  if (!hasTimeZone(old))
    errors.push(
      invalidValue(at, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
    );
  else if (timeZone !== undefined)
    errors.push(invalidValue(at, schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"));
  return errors;
}

function validateTemplate(template: CronJob["spec"]["jobTemplate"] | undefined): FieldError[] {
  const at = root.child("jobTemplate", "spec");
  if (!template?.spec) return [required(at)];
  const errors = validateJobSpec(template.spec, at);
  if (template.spec.selector)
    errors.push(
      invalidValue(at.child("selector"), template.spec.selector, "`selector` will be auto-generated"),
    );
  if (template.spec.manualSelector)
    errors.push(notSupported(at.child("manualSelector"), true, ["nil", "false"]));
  return errors;
}
