import type { CronJob, CronJobStatus, Job } from "@coracle/shared/api/generated/batch-v1.ts";
import type { ObjectReference } from "@coracle/shared/api/generated/core-v1.ts";
import { cronJobs, jobs } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isAlreadyExists, isNotFound } from "@coracle/shared/errors.ts";
import { controllerReferenceTo, isControlledBy } from "@coracle/shared/meta/owners.ts";
import { semanticEqual } from "../../canonical.ts";
import { isTrue, timestamp } from "../../conditions.ts";
import { controlledBy, indexByController } from "../../ownership/index-by.ts";
import { messageOf, namespaceTerminating } from "../../pods/control.ts";
import { isFinished } from "../job/decide.ts";
import { dueAt, parseSchedule, ScheduleError } from "./schedule.ts";
import { trackJobs } from "./track.ts";

const SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/** Woken a little after the full minute, so that a timer that is early does not look in vain. */
const SLACK_MS = 100;

/** Makes Jobs on schedule. */
export const cronJobController = (): Controller =>
  defineController({
    name: "cronjob",
    for: cronJobs,
    owns: [jobs],
    setup: (ctx) => indexByController(ctx.informers.for(jobs)),
    async reconcile(key, ctx): Promise<Result> {
      const cached = ctx.informers.for(cronJobs).get(key);
      if (!cached) return undefined;
      const owned = [...controlledBy(ctx.informers.for(jobs), cached.metadata.uid ?? "")];
      const { cronJob, status } = await trackJobs(ctx, cached, owned);
      const run: Run = { ctx, cronJob, owned, status };
      try {
        return await schedule(run);
      } finally {
        await writeStatus(run);
        await trimHistory(run);
      }
    },
  });

interface Run {
  readonly ctx: ControllerContext;
  readonly cronJob: CronJob;
  readonly owned: readonly Job[];
  /** Changed in the course of the reconcile, written at its end. */
  status: CronJobStatus;
}

const referenceTo = (job: Job): ObjectReference => ({
  apiVersion: "batch/v1",
  kind: "Job",
  namespace: job.metadata.namespace,
  name: job.metadata.name,
  uid: job.metadata.uid,
  resourceVersion: job.metadata.resourceVersion,
});

async function schedule(run: Run): Promise<Result> {
  const { ctx, cronJob } = run;
  if (cronJob.metadata.deletionTimestamp !== undefined || cronJob.spec.suspend) return undefined;
  let times;
  try {
    times = parseSchedule(cronJob);
  } catch (error) {
    // Nothing to wait for but a change of the object.
    const reason = error instanceof ScheduleError ? error.reason : "UnparseableSchedule";
    ctx.events.record(cronJob, "Warning", reason, messageOf(error));
    return undefined;
  }
  const now = ctx.clock.now();
  const due = dueAt(cronJob, times, now);
  const later = due.next === undefined ? undefined : { requeueAfterMs: due.next - now + SLACK_MS };
  if (due.tooMany)
    ctx.events.record(
      cronJob,
      "Warning",
      "TooManyMissedTimes",
      "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
    );
  if (due.at !== undefined && (await mayStart(run, due.at, now))) await startJob(run, due.at);
  return later;
}

/** The rules of deadline and concurrency. */
async function mayStart(run: Run, at: number, now: number): Promise<boolean> {
  const { ctx, cronJob, status } = run;
  const deadline = cronJob.spec.startingDeadlineSeconds;
  if (deadline !== undefined && at + deadline * 1000 < now) {
    const when = timestamp(at);
    ctx.events.record(cronJob, "Warning", "MissSchedule", `Missed scheduled time to start a job: ${when}`);
    return false;
  }
  const active = status.active ?? [];
  const name = jobNameAt(cronJob, at);
  if (active.some((ref) => ref.name === name) || status.lastScheduleTime === timestamp(at)) return false;
  if (cronJob.spec.concurrencyPolicy === "Forbid" && active.length > 0) {
    ctx.events.record(
      cronJob,
      "Normal",
      "JobAlreadyActive",
      "Not starting job because prior execution is running and concurrency policy is Forbid",
    );
    return false;
  }
  if (cronJob.spec.concurrencyPolicy === "Replace")
    for (const reference of active) {
      await deleteJob(run, reference.name ?? "");
      run.status = { ...run.status, active: (run.status.active ?? []).filter((r) => r !== reference) };
    }
  return true;
}

/** One name for each start time: a second try finds the first. */
const jobNameAt = (cronJob: CronJob, at: number): string =>
  `${cronJob.metadata.name}-${Math.floor(at / 60_000)}`;

async function startJob(run: Run, at: number): Promise<void> {
  const { ctx, cronJob } = run;
  const template = cronJob.spec.jobTemplate;
  const { namespace } = cronJob.metadata;
  const name = jobNameAt(cronJob, at);
  const job: Job = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      namespace,
      ...(template.metadata?.labels ? { labels: template.metadata.labels } : {}),
      annotations: { ...template.metadata?.annotations, [SCHEDULED_AT]: timestamp(at) },
      ownerReferences: [controllerReferenceTo(cronJobs, cronJob)],
    },
    ...(template.spec ? { spec: structuredClone(template.spec) } : {}),
  };
  let made: Job;
  try {
    made = await ctx.client.create(jobs, job, { signal: ctx.signal });
    ctx.events.record(cronJob, "Normal", "SuccessfulCreate", `Created job ${name}`);
  } catch (error) {
    if (namespaceTerminating(error)) return;
    if (!isAlreadyExists(error)) {
      ctx.events.record(cronJob, "Warning", "FailedCreate", `Error creating job: ${messageOf(error)}`);
      throw error;
    }
    made = await ctx.client.get(jobs, { name, namespace }, { signal: ctx.signal });
    if (!isControlledBy(made, cronJob)) throw error;
  }
  const active = run.status.active ?? [];
  run.status = {
    ...run.status,
    active:
      isFinished(made) || active.some((r) => r.uid === made.metadata.uid)
        ? active
        : [...active, referenceTo(made)],
    lastScheduleTime: timestamp(at),
  };
}

async function deleteJob({ ctx, cronJob }: Run, name: string): Promise<void> {
  try {
    await ctx.client.delete(
      jobs,
      { name, namespace: cronJob.metadata.namespace },
      { signal: ctx.signal, propagationPolicy: "Background" },
    );
    ctx.events.record(cronJob, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
  } catch (error) {
    if (isNotFound(error)) return;
    ctx.events.record(cronJob, "Warning", "FailedDelete", `Deleted job: ${messageOf(error)}`);
    throw error;
  }
}

async function writeStatus({ ctx, cronJob, status }: Run): Promise<void> {
  if (semanticEqual(status, cronJob.status ?? {})) return;
  await ctx.client.update(cronJobs, { ...cronJob, status }, { subresource: "status", signal: ctx.signal });
}

/** Finished Jobs beyond the limits go, oldest first. */
async function trimHistory(run: Run): Promise<void> {
  const { cronJob, owned } = run;
  const trim = async (type: "Complete" | "Failed", limit: number | undefined): Promise<void> => {
    if (limit === undefined) return;
    const started = (j: Job): string => j.status?.startTime ?? j.metadata.creationTimestamp ?? "";
    const finished = owned
      .filter((j) => isTrue(j.status?.conditions, type) && j.metadata.deletionTimestamp === undefined)
      .toSorted((a, b) => (started(a) < started(b) ? -1 : 1));
    for (const job of finished.slice(0, Math.max(0, finished.length - limit)))
      await deleteJob(run, job.metadata.name ?? "");
  };
  await trim("Complete", cronJob.spec.successfulJobsHistoryLimit);
  await trim("Failed", cronJob.spec.failedJobsHistoryLimit);
}
