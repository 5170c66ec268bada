import type { Job, JobCondition, JobStatus } from "@coracle/shared/api/generated/batch-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { jobs, pods } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { selectorFromObject, type Selector } from "@coracle/shared/meta/labels.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import { isPodReady } from "@coracle/shared/meta/pods.ts";
import { findCondition, isTrue, setCondition, timestamp } from "../../conditions.ts";
import { createExpectations } from "../../expectations.ts";
import { claim } from "../../ownership/claim.ts";
import { claimable, indexByController, indexByNamespace } from "../../ownership/index-by.ts";
import { keysOfOrphan } from "../../ownership/orphans.ts";
import { observePods } from "../../pods/control.ts";
import { createRetries } from "./backoff.ts";
import { deadlineLeft, endingOf, isFinished, type Ending } from "./decide.ts";
import { managePods, removePods } from "./manage.ts";
import type { JobMemory } from "./memory.ts";
import { FINALIZER } from "./pods.ts";
import { stateOf, type JobState } from "./state.ts";
import { indexTracked, strayKeys, strays } from "./strays.ts";
import {
  createTracking,
  releasePod,
  releasePods,
  withCounted,
  withUncounted,
  writeStatus,
} from "./tracking.ts";

const OURS = "kubernetes.io/job-controller";
const selectorFor = (job: Job): Selector => selectorFromObject(job.spec?.selector);

/** Runs pods to completion. */
export function jobController(): Controller {
  let memory: JobMemory;
  return defineController({
    name: "job",
    for: jobs,
    owns: [pods],
    watches: [
      {
        resource: pods,
        keys: (pod, old, ctx) => [
          ...keysOfOrphan(pod, old, ctx.informers.for(jobs), selectorFor),
          ...strayKeys(pod),
        ],
      },
    ],
    setup(ctx) {
      const expectations = createExpectations(() => ctx.clock.now());
      indexByController(ctx.informers.for(pods));
      indexTracked(ctx.informers.for(pods));
      indexByNamespace(ctx.informers.for(jobs));
      observePods(ctx, expectations, jobs);
      memory = { expectations, tracking: createTracking(ctx), retries: createRetries() };
    },
    async reconcile(key, ctx): Promise<Result> {
      const job = ctx.informers.for(jobs).get(key);
      await releaseStrays(ctx, memory, key, job);
      if (!job) {
        memory.expectations.forget(key);
        memory.retries.forget(key);
        memory.tracking.forget(key);
        return undefined;
      }
      // Decisions rest on the counts in the status: one from before our own last write would count pods as not done.
      if (memory.tracking.isStale(job)) return undefined;
      if (job.spec?.managedBy !== undefined && job.spec.managedBy !== OURS) return undefined;
      return sync(ctx, memory, job, key);
    },
  });
}

/** Pods whose Job is gone, or has given its name to another one, will never be counted: nothing must hold them. */
async function releaseStrays(
  ctx: ControllerContext,
  memory: JobMemory,
  key: string,
  job: Job | undefined,
): Promise<void> {
  const informer = ctx.informers.for(pods);
  if (strays(informer, key, job).length === 0) return;
  // The cache of Jobs may be behind that of pods, as after a change of leaders.
  const newest = await newestJob(ctx, key);
  for (const pod of strays(informer, key, newest)) await releasePod(ctx, memory.tracking, key, pod);
}

async function newestJob(ctx: ControllerContext, key: string): Promise<Job | undefined> {
  const [namespace, name = ""] = key.split("/");
  if (name === "") return undefined;
  return ctx.client.get(jobs, { name, namespace }, { signal: ctx.signal }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
}

async function sync(ctx: ControllerContext, memory: JobMemory, job: Job, key: string): Promise<Result> {
  const selector = selectorFor(job);
  const mine = await claim(
    {
      client: ctx.client,
      signal: ctx.signal,
      owner: job,
      ownerResource: jobs,
      childResource: pods,
      matches: (pod) => selector.matches(pod.metadata.labels),
      finalizer: FINALIZER,
    },
    claimable(ctx.informers.for(pods), job),
  );
  if (isFinished(job) || job.metadata.deletionTimestamp !== undefined) {
    await releasePods(ctx, memory.tracking, job, mine);
    return undefined;
  }
  const now = ctx.clock.now();
  const state = stateOf(job, mine, memory.tracking.released(key));
  memory.retries.note(key, state);
  const ending = endingOf(state, now);
  let failure: unknown;
  let wait: number | undefined;
  if (memory.expectations.settled(key)) {
    try {
      if (ending) await removePods(ctx, memory, state, [...state.active]);
      else wait = await managePods(ctx, memory, state);
    } catch (error) {
      failure = error;
    }
  }
  await record(ctx, memory, state, ending);
  if (failure) throw failure;
  const left = deadlineLeft(job, now);
  const waits = [wait, left === undefined || left <= 0 ? undefined : left].filter((w) => w !== undefined);
  return waits.length > 0 && !ending ? { requeueAfterMs: Math.min(...waits) } : undefined;
}

/** Writes what happened into the status, in the three steps of tracking. */
async function record(
  ctx: ControllerContext,
  memory: JobMemory,
  state: JobState,
  ending: Ending | undefined,
): Promise<void> {
  const now = ctx.clock.now();
  const base = lifecycleOf(ctx, state, ending, now);
  const held = ending ? new Set<Pod>() : memory.retries.heldPods(state);
  let job = await writeStatus(ctx, memory.tracking, state.job, withUncounted(base, state, held));
  const counted = new Set([
    ...(job.status?.uncountedTerminatedPods?.succeeded ?? []),
    ...(job.status?.uncountedTerminatedPods?.failed ?? []),
  ]);
  const done = state.pods.filter(
    (p) =>
      !held.has(p) &&
      (counted.has(p.metadata.uid ?? "") || state.newSucceeded.includes(p) || state.ignored.includes(p)),
  );
  await releasePods(ctx, memory.tracking, job, done);
  const status = withCounted(job.status ?? {}, state);
  const idle =
    state.active.length === 0 &&
    state.terminating.length === 0 &&
    memory.expectations.settled(keyOf(state.job));
  job = await writeStatus(ctx, memory.tracking, job, ending && idle ? finish(status, ending, now) : status);
  if (ending && isFinished(job)) announce(ctx, state.job, ending);
}

function announce(ctx: ControllerContext, job: Job, ending: Ending): void {
  if (ending.type === "SuccessCriteriaMet") ctx.events.record(job, "Normal", "Completed", "Job completed");
  else ctx.events.record(job, "Warning", ending.reason, ending.message);
}

const condition = (
  type: string,
  status: string,
  reason: string,
  message: string,
  now: number,
): JobCondition => ({
  type,
  status,
  reason,
  message,
  lastProbeTime: timestamp(now),
});

/** Start, suspension and the announcement of the end, with the numbers of pods on the way. */
function lifecycleOf(
  ctx: ControllerContext,
  state: JobState,
  ending: Ending | undefined,
  now: number,
): JobStatus {
  const { job } = state;
  let conditions = job.status?.conditions ?? [];
  let startTime = job.status?.startTime;
  const suspended = isTrue(conditions, "Suspended");
  if (job.spec?.suspend && !ending) {
    startTime = undefined;
    if (!suspended) {
      conditions = setCondition(
        conditions,
        condition("Suspended", "True", "JobSuspended", "Job suspended", now),
        now,
      );
      ctx.events.record(job, "Normal", "Suspended", "Job suspended");
    }
  } else {
    startTime ??= timestamp(now);
    if (suspended && !ending) {
      conditions = setCondition(
        conditions,
        condition("Suspended", "False", "JobResumed", "Job resumed", now),
        now,
      );
      ctx.events.record(job, "Normal", "Resumed", "Job resumed");
    }
  }
  if (ending && !findCondition(conditions, ending.type))
    conditions = setCondition(
      conditions,
      condition(ending.type, "True", ending.reason, ending.message, now),
      now,
    );
  const active = ending
    ? state.active.filter((p) => p.metadata.deletionTimestamp === undefined)
    : state.active;
  return {
    ...job.status,
    conditions,
    startTime,
    active: active.length || undefined,
    ready: active.filter(isPodReady).length,
    terminating: state.terminating.length,
  };
}

/** No pod is left: the end that was announced has come. */
function finish(status: JobStatus, ending: Ending, now: number): JobStatus {
  const complete = ending.type === "SuccessCriteriaMet";
  const final = condition(complete ? "Complete" : "Failed", "True", ending.reason, ending.message, now);
  return {
    ...status,
    conditions: setCondition(status.conditions, final, now),
    ...(complete ? { completionTime: timestamp(now) } : {}),
  };
}
