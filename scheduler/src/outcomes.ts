import type { Pod, PodCondition } from "@coracle/shared/api/generated/core-v1.ts";
import { pods } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { SeriesRecorder } from "@coracle/shared/client/event-series.ts";
import { podCondition } from "@coracle/shared/meta/pods.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import type { PodInfo } from "./pod-info.ts";

/** What the scheduler says of a pod through the API: bindings, conditions, events, evictions. */
export interface Outcomes {
  bind(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<void>;
  unschedulable(
    pod: PodInfo,
    message: string,
    /** The node promised to it now; "" takes an earlier promise back, undefined leaves it. */
    nominatedNode: string | undefined,
    signal: AbortSignal,
  ): Promise<void>;
  /** An error kept the pod from a node that had room for it; it is tried again. */
  failed(pod: PodInfo, message: string, signal: AbortSignal): Promise<void>;
  /** Takes back the promise of a node, which a pod of more importance needs. */
  denominate(pod: PodInfo, signal: AbortSignal): Promise<void>;
  evict(victim: PodInfo, preemptor: PodInfo, nodeName: string, signal: AbortSignal): Promise<void>;
}

const location = (pod: PodInfo) => ({ namespace: pod.namespace, name: pod.pod.metadata.name ?? "" });

export function createOutcomes(
  client: Client,
  events: SeriesRecorder,
  schedulerName: string,
  now: () => number,
): Outcomes {
  const withCondition = (pod: Pod, condition: PodCondition): PodCondition => {
    const old = podCondition(pod, condition.type);
    return {
      ...condition,
      observedGeneration: pod.metadata.generation,
      lastTransitionTime: old?.status === condition.status ? old.lastTransitionTime : formatTime(now()),
    };
  };
  const patchStatus = async (pod: PodInfo, status: object, signal: AbortSignal): Promise<void> => {
    await client.patch(
      pods,
      location(pod),
      { type: "strategic", body: { metadata: { uid: pod.uid }, status } },
      { subresource: "status", signal },
    );
  };
  const notScheduled = async (
    pod: PodInfo,
    { reason, message }: { reason: "Unschedulable" | "SchedulerError"; message: string },
    nominatedNode: string | undefined,
    signal: AbortSignal,
  ): Promise<void> => {
    events.record(pod.pod, {
      type: "Warning",
      reason: "FailedScheduling",
      action: "Scheduling",
      note: message,
    });
    const old = podCondition(pod.pod, "PodScheduled");
    const told = old?.status === "False" && old.reason === reason && old.message === message;
    const nominated =
      nominatedNode !== undefined && nominatedNode !== (pod.pod.status?.nominatedNodeName ?? "");
    if (told && !nominated) return;
    const condition = withCondition(pod.pod, { type: "PodScheduled", status: "False", reason, message });
    await patchStatus(
      pod,
      { conditions: [condition], ...(nominated ? { nominatedNodeName: nominatedNode || null } : {}) },
      signal,
    );
  };

  return {
    async bind(pod, nodeName, signal) {
      const { namespace, name } = location(pod);
      const binding = {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name, namespace, uid: pod.uid },
        target: { kind: "Node", name: nodeName },
      };
      await client.createSubresource(pods, { namespace, name }, "binding", binding, { signal });
      events.record(pod.pod, {
        type: "Normal",
        reason: "Scheduled",
        action: "Binding",
        note: `Successfully assigned ${pod.key} to ${nodeName}`,
      });
    },
    unschedulable: (pod, message, nominatedNode, signal) =>
      notScheduled(pod, { reason: "Unschedulable", message }, nominatedNode, signal),
    failed: (pod, message, signal) =>
      notScheduled(pod, { reason: "SchedulerError", message }, undefined, signal),
    denominate: (pod, signal) => patchStatus(pod, { nominatedNodeName: null }, signal),
    async evict(victim, preemptor, nodeName, signal) {
      const condition = withCondition(victim.pod, {
        type: "DisruptionTarget",
        status: "True",
        reason: "PreemptionByScheduler",
        message: `${schedulerName}: preempting to accommodate a higher priority pod`,
      });
      await patchStatus(victim, { conditions: [condition] }, signal);
      await client.delete(pods, location(victim), { preconditions: { uid: victim.uid }, signal });
      events.record(victim.pod, {
        type: "Normal",
        reason: "Preempted",
        action: "Preempting",
        note: `Preempted by pod ${preemptor.uid} on node ${nodeName}`,
        related: preemptor.pod,
      });
    },
  };
}
