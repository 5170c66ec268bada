import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { jobs } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { createPod, deletePod, generatedName, podFromTemplate } from "../../pods/control.ts";
import { slowStart } from "../../slow-start.ts";
import { keyOfJob } from "./backoff.ts";
import { demandOf, pendingIndexes } from "./decide.ts";
import type { JobMemory } from "./memory.ts";
import { choosePodsToRemove, failuresOf, isIndexed, templateFor } from "./pods.ts";
import type { JobState } from "./state.ts";
import { releasePods } from "./tracking.ts";

const BURST = 500;

/** Makes or deletes pods so that as many are active as the Job wants now. @returns when to look again because of back-off. */
export async function managePods(
  ctx: ControllerContext,
  memory: JobMemory,
  state: JobState,
): Promise<number | undefined> {
  const demand = demandOf(state);
  const surplus = choosePodsToRemove(state.job, state.active, demand.remove).slice(0, BURST);
  if (surplus.length > 0) {
    // Pods that are no longer wanted have not failed: they are let go uncounted.
    await releasePods(ctx, memory.tracking, state.job, surplus);
    await removePods(ctx, memory, state, surplus);
    return undefined;
  }
  if (demand.create === 0) return undefined;
  const now = ctx.clock.now();
  const perIndex = state.job.spec?.backoffLimitPerIndex !== undefined;
  if (!perIndex) {
    const wait = memory.retries.wait(keyOfJob(state), now);
    if (wait > 0) return wait;
  }
  const wanted: (number | undefined)[] = isIndexed(state.job)
    ? pendingIndexes(state, demand.create)
    : Array.from<undefined>({ length: demand.create });
  const waits = new Map(
    wanted.map((i) => [i, perIndex && i !== undefined ? memory.retries.waitForIndex(state, i, now) : 0]),
  );
  const due = wanted.filter((i) => (waits.get(i) ?? 0) === 0).slice(0, BURST);
  await slowStart(due.length, (n) => makePod(ctx, memory, state, due[n]), ctx.signal);
  const later = [...waits.values()].filter((w) => w > 0);
  return later.length > 0 ? Math.min(...later) : undefined;
}

async function makePod(
  ctx: ControllerContext,
  memory: JobMemory,
  state: JobState,
  index: number | undefined,
): Promise<void> {
  const { job } = state;
  const owner = { key: keyOfJob(state), object: job, resource: jobs };
  const perIndex = index !== undefined && job.spec?.backoffLimitPerIndex !== undefined;
  const last = perIndex ? memory.retries.lastFailure(state, index) : undefined;
  const ignored = last !== undefined && state.verdicts.get(last)?.action === "Ignore";
  const template = templateFor(job, index, perIndex ? failuresOf(last, ignored) : undefined);
  const pod = podFromTemplate(template, owner);
  if (index !== undefined) {
    pod.metadata.generateName = `${job.metadata.name}-${index}-`;
    pod.metadata.name = generatedName(pod.metadata.generateName);
  }
  await createPod(ctx, memory.expectations, owner, pod);
}

export async function removePods(
  ctx: ControllerContext,
  memory: JobMemory,
  state: JobState,
  surplus: readonly Pod[],
): Promise<void> {
  const owner = { key: keyOfJob(state), object: state.job, resource: jobs };
  const results = await Promise.allSettled(
    surplus.map((pod) => deletePod(ctx, memory.expectations, owner, pod)),
  );
  const failed = results.find((r) => r.status === "rejected");
  if (failed) throw failed.reason;
}
