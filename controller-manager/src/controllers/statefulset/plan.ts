import type { StatefulSet } from "@coracle/shared/api/generated/apps-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isPodAvailable, isPodReady, isTerminal } from "@coracle/shared/meta/pods.ts";
import { scaledValue } from "../../int-or-percent.ts";
import { ordinalOf, revisionOf, startOrdinal } from "./identity.ts";

/** What a StatefulSet does next: upstream's order of creation, scaling and update. Pure. */

export type Action =
  | { readonly kind: "create"; readonly ordinal: number; readonly revision: "current" | "update" }
  | { readonly kind: "delete"; readonly pod: Pod; readonly why: "ended" | "scaled" | "updated" };

export interface PlanInput {
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  readonly currentRevision: string;
  readonly updateRevision: string;
  readonly now: number;
}

interface View extends PlanInput {
  readonly start: number;
  /** Index 0 is the pod of the first ordinal. */
  readonly replicas: readonly (Pod | undefined)[];
  /** Pods that are too many, highest ordinal first. */
  readonly condemned: readonly Pod[];
  readonly ordered: boolean;
}

const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
const isHealthy = (pod: Pod): boolean => pod.status?.phase === "Running" && isPodReady(pod) && !isGoing(pod);
const isAvailable = (v: PlanInput, pod: Pod): boolean =>
  isHealthy(pod) && isPodAvailable(pod, v.set.spec?.minReadySeconds ?? 0, v.now);

function viewOf(input: PlanInput): View {
  const { set, pods } = input;
  const start = startOrdinal(set);
  const replicas = Array.from<Pod | undefined>({ length: set.spec?.replicas ?? 1 });
  const condemned: { pod: Pod; ordinal: number }[] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal === undefined) continue;
    if (ordinal >= start && ordinal < start + replicas.length) replicas[ordinal - start] = pod;
    else condemned.push({ pod, ordinal });
  }
  return {
    ...input,
    start,
    replicas,
    condemned: condemned.toSorted((a, b) => b.ordinal - a.ordinal).map((c) => c.pod),
    ordered: set.spec?.podManagementPolicy !== "Parallel",
  };
}

export function plan(input: PlanInput): Action[] {
  const view = viewOf(input);
  if (input.set.metadata.deletionTimestamp !== undefined) return [];
  const actions: Action[] = [];
  if (!fillReplicas(view, actions)) return actions;
  if (!scaleDown(view, actions)) return actions;
  if (input.set.spec?.updateStrategy?.type !== "OnDelete" && actions.length === 0) update(view, actions);
  return actions;
}

/** @returns whether the next step may be taken in this round */
function fillReplicas(view: View, actions: Action[]): boolean {
  for (const [index, pod] of view.replicas.entries()) {
    const ordinal = view.start + index;
    if (!pod) actions.push({ kind: "create", ordinal, revision: revisionFor(view, ordinal) });
    else if (isTerminal(pod)) {
      if (!isGoing(pod)) actions.push({ kind: "delete", pod, why: "ended" });
    } else if (isAvailable(view, pod)) continue;
    // Ordered: the next pod waits until this one runs, is ready and has been so for long enough.
    if (view.ordered) return false;
  }
  return true;
}

/** Pods below the partition keep the revision they had. */
function revisionFor({ set, start }: View, ordinal: number): "current" | "update" {
  const strategy = set.spec?.updateStrategy;
  if (strategy?.type === "OnDelete") return "update";
  const kept = strategy?.rollingUpdate
    ? (strategy.rollingUpdate.partition ?? 0)
    : (set.status?.currentReplicas ?? 0);
  return ordinal < start + kept ? "current" : "update";
}

function scaleDown(view: View, actions: Action[]): boolean {
  const firstUnhealthy = [...view.replicas, ...view.condemned.toReversed()].find((p) => p && !isHealthy(p));
  for (const pod of view.condemned) {
    if (isGoing(pod)) {
      if (view.ordered) return false;
      continue;
    }
    if (view.ordered && !isAvailable(view, pod) && pod !== firstUnhealthy) return false;
    actions.push({ kind: "delete", pod, why: "scaled" });
    if (view.ordered) return false;
  }
  return true;
}

/** From the highest ordinal down to the partition, as many at once as may be unavailable. */
function update(view: View, actions: Action[]): void {
  const rolling = view.set.spec?.updateStrategy?.rollingUpdate;
  const least = Math.max(0, rolling?.partition ?? 0);
  let budget = Math.max(1, scaledValue(rolling?.maxUnavailable, view.replicas.length, "down", 1));
  for (let index = view.replicas.length - 1; index >= least && budget > 0; index--) {
    const pod = view.replicas[index];
    if (!pod) budget -= 1;
    else if (revisionOf(pod) !== view.updateRevision && !isGoing(pod)) {
      actions.push({ kind: "delete", pod, why: "updated" });
      budget -= 1;
    } else if (!isAvailable(view, pod)) budget -= 1;
  }
}

export interface Counts {
  readonly replicas: number;
  readonly ready: number;
  readonly available: number;
  readonly current: number;
  readonly updated: number;
}

export function countPods(input: PlanInput): Counts {
  const { pods, currentRevision, updateRevision } = input;
  const own = pods.filter((p) => ordinalOf(input.set, p) !== undefined);
  const count = (test: (pod: Pod) => boolean): number => own.filter(test).length;
  const ready = (p: Pod): boolean => p.status?.phase === "Running" && isPodReady(p);
  return {
    replicas: own.length,
    ready: count(ready),
    available: count((p) => ready(p) && isPodAvailable(p, input.set.spec?.minReadySeconds ?? 0, input.now)),
    current: count((p) => !isGoing(p) && revisionOf(p) === currentRevision),
    updated: count((p) => !isGoing(p) && revisionOf(p) === updateRevision),
  };
}
