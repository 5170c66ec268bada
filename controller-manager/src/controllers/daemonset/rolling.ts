import type { DaemonSet } from "@coracle/shared/api/generated/apps-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isPodAvailable, isPodReady } from "@coracle/shared/meta/pods.ts";
import { scaledValue } from "../../int-or-percent.ts";
import { REVISION_HASH } from "../../rollout/history.ts";

/** Which daemon pods a rolling update replaces now, on upstream's rules. Pure. */

/** A node's daemon pods, by the node's name. */
export type PodsByNode = ReadonlyMap<string, readonly Pod[]>;

export interface Changes {
  /** Nodes that get a pod. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
}

export interface RollInput {
  readonly ds: DaemonSet;
  /** Nodes where a pod belongs. */
  readonly desired: number;
  readonly pods: PodsByNode;
  readonly hash: string;
  readonly now: number;
}

export const isCurrent = (pod: Pod, hash: string): boolean => pod.metadata.labels?.[REVISION_HASH] === hash;

export interface Bounds {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

export function bounds(ds: DaemonSet, desired: number): Bounds {
  const rolling = ds.spec?.updateStrategy?.rollingUpdate;
  const maxSurge = scaledValue(rolling?.maxSurge, desired, "up", 0);
  const unavailable = scaledValue(rolling?.maxUnavailable, desired, "up", 1);
  return { maxSurge, maxUnavailable: desired > 0 && maxSurge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** The one old and the one new pod of a node; undefined while the node is in flux (a pod is going, or there are doubles). */
function pairOn(pods: readonly Pod[], hash: string): { old?: Pod; fresh?: Pod } | undefined {
  if (pods.some((p) => p.metadata.deletionTimestamp !== undefined)) return undefined;
  const fresh = pods.filter((p) => isCurrent(p, hash));
  const old = pods.filter((p) => !isCurrent(p, hash));
  if (fresh.length > 1 || old.length > 1) return undefined;
  return { ...(old[0] ? { old: old[0] } : {}), ...(fresh[0] ? { fresh: fresh[0] } : {}) };
}

export function rollingChanges(input: RollInput): Changes {
  return bounds(input.ds, input.desired).maxSurge > 0 ? surge(input) : replace(input);
}

/** Without surge: old pods go first, as many at once as may be unavailable. */
function replace({ ds, desired, pods, hash, now }: RollInput): Changes {
  const available = (pod: Pod): boolean => isPodAvailable(pod, ds.spec?.minReadySeconds ?? 0, now);
  const { maxUnavailable } = bounds(ds, desired);
  let unavailable = 0;
  const free: Pod[] = [];
  const candidates: Pod[] = [];
  for (const onNode of pods.values()) {
    const pair = pairOn(onNode, hash);
    if (!pair || (pair.old && pair.fresh) || (!pair.old && !pair.fresh)) unavailable += 1;
    else if (pair.fresh) unavailable += available(pair.fresh) ? 0 : 1;
    else if (pair.old && available(pair.old)) candidates.push(pair.old);
    else if (pair.old) {
      free.push(pair.old);
      unavailable += 1;
    }
  }
  const room = Math.max(0, maxUnavailable - unavailable);
  return { create: [], remove: [...free, ...candidates.slice(0, room)] };
}

/** With surge: a new pod comes up beside the old one, which goes when the new one is available. */
function surge({ ds, desired, pods, hash, now }: RollInput): Changes {
  const available = (pod: Pod): boolean => isPodAvailable(pod, ds.spec?.minReadySeconds ?? 0, now);
  let surging = 0;
  const remove: Pod[] = [];
  const free: string[] = [];
  const candidates: string[] = [];
  for (const [node, onNode] of pods) {
    const pair = pairOn(onNode, hash);
    if (!pair) surging += 1;
    else if (pair.old && pair.fresh) {
      if (available(pair.fresh)) remove.push(pair.old);
      else surging += 1;
    } else if (pair.old) (available(pair.old) ? candidates : free).push(node);
  }
  const room = Math.max(0, bounds(ds, desired).maxSurge - surging);
  return { create: [...free, ...candidates.slice(0, room)], remove };
}

/** Bound ones first, then the oldest. */
export const byAge = (a: Pod, b: Pod): number => {
  const bound = (p: Pod): number => (p.spec?.nodeName ? 0 : 1);
  const [left, right] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  if (bound(a) !== bound(b)) return bound(a) - bound(b);
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
};

/** Pods too many on one node: all but the oldest, or with surge all but the oldest of each generation, as long as both are needed. */
export function surplusOn(running: readonly Pod[], input: Omit<RollInput, "pods">): Pod[] {
  const sorted = running.toSorted(byAge);
  if (bounds(input.ds, input.desired).maxSurge === 0) return sorted.slice(1);
  const fresh = sorted.find((p) => isCurrent(p, input.hash));
  const old = sorted.find((p) => !isCurrent(p, input.hash));
  const surplus = sorted.filter((p) => p !== fresh && p !== old);
  if (!fresh || !old) return surplus;
  const replaced = !isPodReady(old) || isPodAvailable(fresh, input.ds.spec?.minReadySeconds ?? 0, input.now);
  return replaced ? [...surplus, old] : surplus;
}
