import type { CronJob, CronJobStatus, Job } from "@coracle/shared/api/generated/batch-v1.ts";
import type { ObjectReference } from "@coracle/shared/api/generated/core-v1.ts";
import { cronJobs, jobs } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { isTrue } from "../../conditions.ts";
import { isFinished } from "../job/decide.ts";

/** The list of active Jobs and the last success, from the Jobs there are. */

export interface Tracked {
  /** As in the cache, or newer when that was behind. */
  readonly cronJob: CronJob;
  readonly status: CronJobStatus;
}

const lists = (cronJob: CronJob, job: Job): boolean =>
  (cronJob.status?.active ?? []).some((ref) => ref.uid === job.metadata.uid);

export async function trackJobs(
  ctx: ControllerContext,
  cached: CronJob,
  owned: readonly Job[],
): Promise<Tracked> {
  const cronJob = await newestFor(ctx, cached, owned);
  const gone = new Set<ObjectReference>();
  let lastSuccessfulTime = cronJob.status?.lastSuccessfulTime;
  for (const job of owned) {
    if (!lists(cronJob, job)) {
      // Somebody else's, or of an earlier life of ours: it neither counts for the concurrency policy nor is it announced.
      if (!isFinished(job)) reportUnexpected(ctx, cronJob, job);
    } else if (isFinished(job)) {
      for (const ref of cronJob.status?.active ?? []) if (ref.uid === job.metadata.uid) gone.add(ref);
      reportCompleted(ctx, cronJob, job);
    }
    const completed = isTrue(job.status?.conditions, "Complete") ? job.status?.completionTime : undefined;
    if (completed !== undefined && (lastSuccessfulTime === undefined || completed > lastSuccessfulTime))
      lastSuccessfulTime = completed;
  }
  for (const ref of cronJob.status?.active ?? [])
    if (!owned.some((job) => job.metadata.uid === ref.uid) && (await isMissing(ctx, cronJob, ref))) {
      gone.add(ref);
      ctx.events.record(cronJob, "Normal", "MissingJob", `Active job went missing: ${ref.name}`);
    }
  const active = (cronJob.status?.active ?? []).filter((ref) => !gone.has(ref));
  const status = {
    ...cronJob.status,
    active: active.length > 0 ? active : undefined,
    lastSuccessfulTime,
  };
  return { cronJob, status };
}

/** A Job that is not listed may be one just made, whose listing the cache does not show yet: then the API is asked. */
async function newestFor(ctx: ControllerContext, cached: CronJob, owned: readonly Job[]): Promise<CronJob> {
  if (owned.every((job) => isFinished(job) || lists(cached, job))) return cached;
  const { name = "", namespace, uid } = cached.metadata;
  const newest = await ctx.client.get(cronJobs, { name, namespace }, { signal: ctx.signal });
  return newest.metadata.uid === uid ? newest : cached;
}

/** The cache may not show a Job that was just made. */
async function isMissing(ctx: ControllerContext, cronJob: CronJob, ref: ObjectReference): Promise<boolean> {
  const at = { name: ref.name ?? "", namespace: cronJob.metadata.namespace };
  return ctx.client
    .get(jobs, at, { signal: ctx.signal })
    .then((job) => job.metadata.uid !== ref.uid)
    .catch((error: unknown) => {
      if (isNotFound(error)) return true;
      throw error;
    });
}

function reportCompleted(ctx: ControllerContext, cronJob: CronJob, job: Job): void {
  const how = isTrue(job.status?.conditions, "Complete") ? "Complete" : "Failed";
  const message = `Saw completed job: ${job.metadata.name}, condition: ${how}`;
  ctx.events.record(cronJob, "Normal", "SawCompletedJob", message);
}

function reportUnexpected(ctx: ControllerContext, cronJob: CronJob, job: Job): void {
  const message = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`;
  ctx.events.record(cronJob, "Warning", "UnexpectedJob", message);
}
