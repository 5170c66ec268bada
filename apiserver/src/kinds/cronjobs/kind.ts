import type { CronJob } from "@coracle/shared/api/generated/batch-v1.ts";
import { invalidValue, notSupported, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { setJobTemplateDefaults } from "../jobs/kind.ts";
import { validateJobSpec } from "../jobs/validate.ts";
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
import { check, tooLongFor } from "../shared/names.ts";
import { validateLabels } from "../shared/selector.ts";
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
  validateUpdate: (cron) => validateSpec(cron),
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
  // The controller appends eleven characters to name a job.
  const errors =
    name.length > 52
      ? [invalidValue(path("metadata", "name"), name, "must be no more than 52 characters")]
      : [];
  return [...errors, ...validateSpec(cron)];
}

function validateSpec({ spec }: CronJob): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec?.schedule) errors.push(required(root.child("schedule")));
  else errors.push(...validateSchedule(spec.schedule, spec.timeZone));
  if (spec?.timeZone !== undefined) {
    const problem = timeZoneProblem(spec.timeZone);
    if (problem) errors.push(invalidValue(root.child("timeZone"), spec.timeZone, problem));
  }
  const policies = ["Allow", "Forbid", "Replace"];
  if (!spec?.concurrencyPolicy) errors.push(required(root.child("concurrencyPolicy")));
  else if (!policies.includes(spec.concurrencyPolicy))
    errors.push(notSupported(root.child("concurrencyPolicy"), spec.concurrencyPolicy, policies));
  for (const field of [
    "startingDeadlineSeconds",
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
  ] as const)
    errors.push(...validateNonNegative(spec?.[field], root.child(field)));
  return [...errors, ...validateTemplate(spec?.jobTemplate)];
}

function validateSchedule(schedule: string, timeZone: string | undefined): FieldError[] {
  const at = root.child("schedule");
  const problem = cronProblem(schedule);
  const errors = problem ? [invalidValue(at, schedule, problem)] : [];
  if (hasTimeZone(schedule))
    errors.push(
      invalidValue(
        at,
        schedule,
        timeZone === undefined
          ? "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
          : "cannot use both timeZone field and TZ or CRON_TZ in schedule",
      ),
    );
  return errors;
}

function validateTemplate(template: CronJob["spec"]["jobTemplate"] | undefined): FieldError[] {
  const at = root.child("jobTemplate");
  if (!template?.spec) return [required(at.child("spec"))];
  const errors = [
    ...validateLabels(template.metadata?.labels, at.child("metadata", "labels")),
    ...validateJobSpec(template.spec, at.child("spec")),
  ];
  if (template.metadata?.name)
    errors.push(
      ...check(
        (name) => (name.length > 253 ? [tooLongFor(253)] : []),
        template.metadata.name,
        at.child("metadata", "name"),
      ),
    );
  if (template.spec.selector)
    errors.push(
      invalidValue(at.child("spec", "selector"), template.spec.selector, "`selector` will be auto-generated"),
    );
  if (template.spec.manualSelector)
    errors.push(notSupported(at.child("spec", "manualSelector"), true, ["nil", "false"]));
  return errors;
}
