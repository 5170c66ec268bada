import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { pods } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { isTerminal, podCondition } from "@coracle/shared/meta/pods.ts";
import { setCondition, timestamp } from "../conditions.ts";

export interface Disruption {
  readonly reason: string;
  readonly message: string;
  /** Nobody will report the pod's end any more: its phase becomes Failed. */
  readonly fail?: boolean;
}

/** Says in the pod's status why it is about to be deleted, so that its Job or its user can tell a disruption from a failure. */
export async function markDisrupted(ctx: ControllerContext, pod: Pod, disruption: Disruption): Promise<void> {
  if (podCondition(pod, "DisruptionTarget")?.status === "True" && (!disruption.fail || isTerminal(pod)))
    return;
  const next = {
    type: "DisruptionTarget",
    observedGeneration: pod.metadata.generation,
    status: "True",
    reason: disruption.reason,
    message: disruption.message,
    lastTransitionTime: timestamp(ctx.clock.now()),
  };
  const status = {
    conditions: setCondition(pod.status?.conditions, next, ctx.clock.now()),
    ...(disruption.fail && !isTerminal(pod) ? { phase: "Failed" } : {}),
  };
  const { name = "", namespace, uid } = pod.metadata;
  await ctx.client
    .patch(
      pods,
      { name, namespace },
      { type: "strategic", body: { metadata: { uid }, status } },
      { subresource: "status", signal: ctx.signal },
    )
    .catch((error: unknown) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
}
