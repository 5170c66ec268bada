import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isPodReady, podCondition } from "@coracle/shared/meta/pods.ts";

/** Which pod to delete first when there are too many: upstream's ranking of active pods. Pure. */

const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

interface Candidate {
  readonly pod: Pod;
  /** Active pods of the same owner's family on this pod's node: crowded nodes lose pods first. */
  readonly rank: number;
}

const deletionCost = (pod: Pod): number => {
  const value = Number(pod.metadata.annotations?.[DELETION_COST] ?? "0");
  return Number.isInteger(value) ? value : 0;
};

const maxRestarts = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((s) => s.restartCount));

const timeOf = (time: string | undefined): number => (time === undefined ? 0 : Date.parse(time));

/** Younger first, but only when their ages differ by a power of two: spreads deletions over equally old pods. */
function youngerFirst(a: number, b: number, now: number): number {
  const bucket = (at: number): number => (now - at <= 0 ? -1 : Math.floor(Math.log2((now - at) * 1e6)));
  return bucket(a) - bucket(b);
}

const byUid = (a: Pod, b: Pod): number => {
  const [left, right] = [a.metadata.uid ?? "", b.metadata.uid ?? ""];
  return left < right ? -1 : left > right ? 1 : 0;
};

function compareTimes(a: Pod, b: Pod, times: readonly [number, number], now: number): number {
  const [left, right] = times;
  if (left === right) return 0;
  if (left === 0 || right === 0) return left === 0 ? -1 : 1;
  return youngerFirst(left, right, now) || byUid(a, b);
}

function compare(a: Candidate, b: Candidate, now: number): number {
  const assigned = (p: Pod): number => (p.spec?.nodeName ? 1 : 0);
  const phase = (p: Pod): number => phaseOrder[p.status?.phase ?? "Pending"] ?? 0;
  const ready = (p: Pod): number => (isPodReady(p) ? 1 : 0);
  const simple =
    assigned(a.pod) - assigned(b.pod) ||
    phase(a.pod) - phase(b.pod) ||
    ready(a.pod) - ready(b.pod) ||
    deletionCost(a.pod) - deletionCost(b.pod) ||
    b.rank - a.rank;
  if (simple !== 0) return simple;
  if (isPodReady(a.pod)) {
    const readySince = (p: Pod): number => timeOf(podCondition(p, "Ready")?.lastTransitionTime);
    const byReady = compareTimes(a.pod, b.pod, [readySince(a.pod), readySince(b.pod)], now);
    if (byReady !== 0) return byReady;
  }
  const restarts = maxRestarts(b.pod) - maxRestarts(a.pod);
  if (restarts !== 0) return restarts;
  const created = (p: Pod): number => timeOf(p.metadata.creationTimestamp);
  return compareTimes(a.pod, b.pod, [created(a.pod), created(b.pod)], now) || byUid(a.pod, b.pod);
}

/** The `count` pods to delete. `family` are the active pods whose crowding on a node counts. */
export function choosePodsToDelete(
  pods: readonly Pod[],
  family: readonly Pod[],
  count: number,
  now: number,
): Pod[] {
  if (count >= pods.length) return [...pods];
  const crowd = new Map<string, number>();
  for (const pod of family) {
    const node = pod.spec?.nodeName ?? "";
    crowd.set(node, (crowd.get(node) ?? 0) + 1);
  }
  return pods
    .map((pod) => ({ pod, rank: crowd.get(pod.spec?.nodeName ?? "") ?? 0 }))
    .toSorted((a, b) => compare(a, b, now))
    .slice(0, count)
    .map((c) => c.pod);
}
