import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { pods } from "@coracle/shared/api/resources.ts";
import { defineController, type Controller, type Result } from "@coracle/shared/controller/controller.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { isTerminal, podCondition } from "@coracle/shared/meta/pods.ts";
import { timestamp } from "../../conditions.ts";

const STALE_MS = 2 * 60_000;

/** When a pod's announced disruption counts as called off; undefined when none is pending. Pure. */
export function calledOffAt(pod: Pod): number | undefined {
  const target = podCondition(pod, "DisruptionTarget");
  if (target?.status !== "True" || isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined)
    return undefined;
  return Date.parse(target.lastTransitionTime ?? pod.metadata.creationTimestamp ?? "") + STALE_MS;
}

/** Takes back the announcement of a disruption that did not come. */
export const staleDisruptionController = (): Controller =>
  defineController({
    name: "stale-disruption",
    for: pods,
    async reconcile(key, ctx): Promise<Result> {
      const pod = ctx.informers.for(pods).get(key);
      const at = pod && calledOffAt(pod);
      if (!pod || at === undefined) return undefined;
      const left = at - ctx.clock.now();
      if (left > 0) return { requeueAfterMs: left };
      const { name = "", namespace, uid, resourceVersion } = pod.metadata;
      const lastTransitionTime = timestamp(ctx.clock.now());
      const observedGeneration = pod.metadata.generation;
      const condition = { type: "DisruptionTarget", observedGeneration, status: "False", lastTransitionTime };
      const body = { metadata: { uid, resourceVersion }, status: { conditions: [condition] } };
      await ctx.client
        .patch(
          pods,
          { name, namespace },
          { type: "strategic", body },
          { subresource: "status", signal: ctx.signal },
        )
        .catch((error: unknown) => {
          if (!isNotFound(error) && !isConflict(error)) throw error;
        });
      return undefined;
    },
  });
