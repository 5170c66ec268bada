import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { selectorFromMap } from "@coracle/shared/meta/labels.ts";
import { isPodAvailable, isPodReady } from "@coracle/shared/meta/pods.ts";
import { setCondition } from "../conditions.ts";

/** The status of a ReplicaSet or ReplicationController from its pods. Pure. */

export interface ReplicaCondition {
  type: string;
  status: string;
  lastTransitionTime?: string | undefined;
  reason?: string | undefined;
  message?: string | undefined;
}

export interface ReplicaStatus {
  replicas: number;
  fullyLabeledReplicas?: number | undefined;
  readyReplicas?: number | undefined;
  availableReplicas?: number | undefined;
  terminatingReplicas?: number | undefined;
  observedGeneration?: number | undefined;
  conditions?: ReplicaCondition[] | undefined;
}

export interface ReplicaStatusInput {
  readonly old: ReplicaStatus | undefined;
  readonly generation: number | undefined;
  readonly templateLabels: Readonly<Record<string, string>> | undefined;
  readonly minReadySeconds: number;
  readonly active: readonly Pod[];
  readonly terminating: number | undefined;
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
  readonly now: number;
}

export function replicaStatus(input: ReplicaStatusInput): ReplicaStatus {
  const labels = selectorFromMap(input.templateLabels);
  const count = (test: (pod: Pod) => boolean): number | undefined =>
    input.active.filter(test).length || undefined;
  const conditions = conditionsOf(input);
  const status: ReplicaStatus = {
    replicas: input.active.length,
    fullyLabeledReplicas: count((p) => labels.matches(p.metadata.labels)),
    readyReplicas: count(isPodReady),
    availableReplicas: count((p) => isPodAvailable(p, input.minReadySeconds, input.now)),
    observedGeneration: input.generation,
    ...(input.terminating === undefined ? {} : { terminatingReplicas: input.terminating }),
    ...(conditions.length > 0 ? { conditions } : {}),
  };
  return status;
}

function conditionsOf({ old, failure, now }: ReplicaStatusInput): ReplicaCondition[] {
  const conditions = old?.conditions ?? [];
  const existing = conditions.find((c) => c.type === "ReplicaFailure");
  if (!failure) return conditions.filter((c) => c.type !== "ReplicaFailure");
  if (existing) return conditions;
  return setCondition(conditions, { type: "ReplicaFailure", status: "True", ...failure }, now);
}
