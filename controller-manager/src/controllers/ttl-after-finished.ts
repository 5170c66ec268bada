import type { Job } from "@coracle/shared/api/generated/batch-v1.ts";
import { jobs } from "@coracle/shared/api/resources.ts";
import { defineController, type Controller, type Result } from "@coracle/shared/controller/controller.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { isFinished } from "./job/decide.ts";

/** When a finished Job has outlived its time to live; undefined for one that has none or is not finished. Pure. */
export function expiresAt(job: Job): number | undefined {
  const ttl = job.spec?.ttlSecondsAfterFinished;
  if (ttl === undefined || !isFinished(job) || job.metadata.deletionTimestamp !== undefined) return undefined;
  const end = job.status?.conditions?.find(
    (c) => (c.type === "Complete" || c.type === "Failed") && c.status === "True",
  )?.lastTransitionTime;
  return end === undefined ? undefined : Date.parse(end) + ttl * 1000;
}

/** Deletes finished Jobs when their time to live is over. */
export const ttlAfterFinishedController = (): Controller =>
  defineController({
    name: "ttl-after-finished",
    for: jobs,
    async reconcile(key, ctx): Promise<Result> {
      const job = ctx.informers.for(jobs).get(key);
      const at = job && expiresAt(job);
      if (!job || at === undefined) return undefined;
      const left = at - ctx.clock.now();
      if (left > 0) return { requeueAfterMs: left };
      const { name = "", namespace, uid, resourceVersion } = job.metadata;
      await ctx.client
        .delete(
          jobs,
          { name, namespace },
          {
            signal: ctx.signal,
            propagationPolicy: "Foreground",
            // Its time to live may have been prolonged just now.
            preconditions: { uid, resourceVersion },
          },
        )
        .catch((error: unknown) => {
          if (!isNotFound(error) && !isConflict(error)) throw error;
        });
      return undefined;
    },
  });
