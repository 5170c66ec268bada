import type { Pod, PodCondition } from "@coracle/shared/api/generated/core-v1.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";

/** The node's decision that a pod ends: it becomes Failed with this reason and message. */
export interface EndOrder {
  readonly reason: string;
  readonly message: string;
  readonly graceSeconds: number;
  /** Set where the pod is not itself to blame. */
  readonly disruption: boolean;
}

/** Begins to end the pod; its worker does the rest. */
export type EndPod = (pod: Pod, order: EndOrder) => void;

/** The condition that tells workload controllers that the node ended the pod. */
export const disruptionCondition = ({ metadata }: Pod, message: string, now: number): PodCondition => ({
  type: "DisruptionTarget",
  observedGeneration: metadata.generation,
  status: "True",
  lastTransitionTime: formatTime(now),
  reason: "TerminationByKubelet",
  message,
});
