import type { Job, JobStatus } from "@coracle/shared/api/generated/batch-v1.ts";
import {
  duplicate,
  invalidValue,
  invalidWithoutValue,
  path,
  required,
  type FieldError,
} from "../../registry/field.ts";
import { validateCounters } from "../shared/workload.ts";
import { firstOverlap, parseIndexes } from "./indexes.ts";

const at = path("status");

const has = (status: JobStatus | undefined, type: string): boolean =>
  status?.conditions?.some((c) => c.type === type && c.status === "True") ?? false;
const isFinished = (status: JobStatus | undefined): boolean =>
  has(status, "Complete") || has(status, "Failed");

/** What the controller of a job, upstream's or someone's own (`managedBy`), may say about it. */
export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const status = job.status ?? {};
  const before = old.status ?? {};
  return [
    ...validateCounters(status, ["active", "succeeded", "failed", "ready", "terminating"], at),
    ...validateUncounted(status),
    ...validateConditions(status),
    ...validateTimes(status),
    ...validateFinished(status),
    ...validateIndexes(job, before),
    ...validateReady(status),
    ...validateSuccess(job),
    ...validateChange(job, before),
  ];
}

function validateUncounted({ uncountedTerminatedPods: uncounted }: JobStatus): FieldError[] {
  const seen = new Set<string>();
  return (["succeeded", "failed"] as const).flatMap((list) =>
    (uncounted?.[list] ?? []).flatMap((uid, i) => {
      const where = at.child("uncountedTerminatedPods", list).index(i);
      if (uid === "") return [invalidValue(where, uid, "must not be empty")];
      if (seen.has(uid)) return [duplicate(where, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

const wrongConditions = (detail: string): FieldError => invalidWithoutValue(at.child("conditions"), detail);

/** Outcomes exclude each other, and each is announced before it is final. */
function validateConditions(status: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  const complete = has(status, "Complete");
  const failed = has(status, "Failed");
  if (complete && failed) errors.push(wrongConditions("cannot set Complete=True and Failed=true conditions"));
  if (complete && has(status, "FailureTarget"))
    errors.push(wrongConditions("cannot set Complete=True and FailureTarget=true conditions"));
  if (failed && !has(status, "FailureTarget"))
    errors.push(wrongConditions("cannot set Failed=True condition without the FailureTarget=true condition"));
  if (complete && !has(status, "SuccessCriteriaMet"))
    errors.push(
      wrongConditions("cannot set Complete=True condition without the SuccessCriteriaMet=true condition"),
    );
  return errors;
}

function validateTimes(status: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  const where = at.child("completionTime");
  const { startTime, completionTime } = status;
  const complete = has(status, "Complete");
  if (completionTime && !complete)
    errors.push(
      invalidValue(
        where,
        completionTime,
        "cannot set completionTime when there is no Complete=True condition",
      ),
    );
  if (!completionTime && complete)
    errors.push(required(where, "completionTime is required for Complete jobs"));
  if (startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime))
    errors.push(invalidValue(where, completionTime, "completionTime cannot be set before startTime"));
  return errors;
}

/** Nothing is under way in a job that has ended. */
function validateFinished(status: JobStatus): FieldError[] {
  if (!isFinished(status)) return [];
  const errors: FieldError[] = [];
  const { active = 0, terminating = 0, uncountedTerminatedPods: uncounted } = status;
  if (active > 0)
    errors.push(invalidValue(at.child("active"), active, "active>0 is invalid for finished job"));
  if (!status.startTime)
    errors.push(required(at.child("startTime"), "startTime is required for finished job"));
  if ((uncounted?.failed?.length ?? 0) + (uncounted?.succeeded?.length ?? 0) > 0)
    errors.push(
      invalidValue(
        at.child("uncountedTerminatedPods"),
        uncounted,
        "uncountedTerminatedPods needs to be empty for finished job",
      ),
    );
  if (terminating > 0)
    errors.push(
      invalidValue(at.child("terminating"), terminating, "terminating>0 is invalid for finished job"),
    );
  return errors;
}

/** Only when they change: an elastic job may have shrunk since they were written. */
function validateIndexes({ spec, status }: Job, before: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  const { completedIndexes: completed = "", failedIndexes: failed } = status ?? {};
  const completedChanged = completed !== (before.completedIndexes ?? "");
  const failedChanged = failed !== before.failedIndexes;
  const parsed = (text: string) => parseIndexes(text, spec?.completions ?? 0);
  if (completedChanged && completed !== "") {
    const where = at.child("completedIndexes");
    const indexes = parsed(completed);
    if (spec?.completions !== undefined && "problem" in indexes)
      errors.push(invalidValue(where, completed, `error parsing completedIndexes: ${indexes.problem}`));
    if (spec?.completionMode !== "Indexed")
      errors.push(
        invalidValue(
          where,
          completed,
          "cannot set non-empty completedIndexes when non-indexed completion mode",
        ),
      );
  }
  if (failed === undefined || !(failedChanged || completedChanged)) return errors;
  const where = at.child("failedIndexes");
  const indexes = parsed(failed);
  if (failedChanged && spec?.backoffLimitPerIndex === undefined)
    errors.push(
      invalidValue(where, failed, "cannot set non-null failedIndexes when backoffLimitPerIndex is null"),
    );
  if ("problem" in indexes) {
    if (failedChanged && spec?.backoffLimitPerIndex !== undefined)
      errors.push(invalidValue(where, failed, `error parsing failedIndexes: ${indexes.problem}`));
    return errors;
  }
  const done = parsed(completed);
  const overlap = "problem" in done ? undefined : firstOverlap(done, indexes);
  if (overlap !== undefined)
    errors.push(
      invalidValue(where, failed, `failedIndexes and completedIndexes overlap at index: ${overlap}`),
    );
  return errors;
}

function validateReady({ ready = 0, active = 0 }: JobStatus): FieldError[] {
  return ready > active
    ? [invalidValue(at.child("ready"), ready, "cannot set more ready pods than active")]
    : [];
}

function validateSuccess({ spec, status }: Job): FieldError[] {
  const errors: FieldError[] = [];
  if (!has(status, "SuccessCriteriaMet")) {
    if (spec?.successPolicy && has(status, "Complete"))
      errors.push(
        wrongConditions("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"),
      );
    return errors;
  }
  for (const type of ["Failed", "FailureTarget"])
    if (has(status, type))
      errors.push(wrongConditions(`cannot set SuccessCriteriaMet=True and ${type}=true conditions`));
  return errors;
}

/** Ends are final and counters only rise, but for the successes of an elastic job that shrinks. */
function validateChange({ spec, status = {} }: Job, before: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  for (const type of ["Failed", "Complete", "FailureTarget"])
    if (has(before, type) && !has(status, type))
      errors.push(wrongConditions(`cannot disable the terminal ${type}=True condition`));
  const elastic = spec?.completionMode === "Indexed" && spec.completions === spec.parallelism;
  for (const counter of elastic ? (["failed"] as const) : (["failed", "succeeded"] as const))
    if ((status[counter] ?? 0) < (before[counter] ?? 0))
      errors.push(
        invalidValue(at.child(counter), status[counter] ?? 0, `cannot decrease the ${counter} counter`),
      );
  const { startTime, completionTime } = status;
  if (completionTime && before.completionTime && completionTime !== before.completionTime)
    errors.push(invalidValue(at.child("completionTime"), completionTime, "completionTime cannot be mutated"));
  if (before.startTime && startTime !== before.startTime && !spec?.suspend)
    errors.push(required(at.child("startTime"), "startTime cannot be removed for unsuspended job"));
  if (has(before, "SuccessCriteriaMet") && !has(status, "SuccessCriteriaMet"))
    errors.push(wrongConditions("cannot disable the SuccessCriteriaMet=True condition"));
  if (has(before, "Complete") && !has(before, "SuccessCriteriaMet") && has(status, "SuccessCriteriaMet"))
    errors.push(
      wrongConditions("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"),
    );
  return errors;
}
