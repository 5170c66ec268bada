import type { Deployment, ReplicaSet } from "@coracle/shared/api/generated/apps-v1.ts";
import { scaledValue } from "../../int-or-percent.ts";

/** How many replicas each ReplicaSet gets, on upstream's rules. Pure. */

export const DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas";
export const MAX_REPLICAS = "deployment.kubernetes.io/max-replicas";

export const replicasOf = (o: { spec?: { replicas?: number | undefined } | undefined }): number =>
  o.spec?.replicas ?? 1;
export const sum = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((total, item) => total + value(item), 0);
/** Never more than it may keep: a ReplicaSet that was told to shrink still reports the pods it is about to delete. */
export const availableOf = (rs: ReplicaSet): number =>
  Math.min(replicasOf(rs), rs.status?.availableReplicas ?? 0);
export const isRolling = (d: Deployment): boolean => d.spec?.strategy?.type !== "Recreate";

interface Fences {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** Both as numbers of pods. They are never both zero: a rollout must be able to move. */
export function fences(d: Deployment): Fences {
  if (!isRolling(d)) return { maxSurge: 0, maxUnavailable: 0 };
  const rolling = d.spec?.strategy?.rollingUpdate;
  const replicas = replicasOf(d);
  const maxSurge = scaledValue(rolling?.maxSurge, replicas, "up", "25%");
  const unavailable = scaledValue(rolling?.maxUnavailable, replicas, "down", "25%");
  return { maxSurge, maxUnavailable: maxSurge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** Never more than there are replicas, and none for an empty or a recreated Deployment. */
export function maxUnavailable(d: Deployment): number {
  if (!isRolling(d) || replicasOf(d) === 0) return 0;
  return Math.min(fences(d).maxUnavailable, replicasOf(d));
}

/** The size the new ReplicaSet may grow to now. */
export function newReplicaSetSize(d: Deployment, all: readonly ReplicaSet[], newReplicas: number): number {
  if (!isRolling(d)) return replicasOf(d);
  const room = replicasOf(d) + fences(d).maxSurge - sum(all, replicasOf);
  if (room <= 0) return newReplicas;
  return newReplicas + Math.max(0, Math.min(room, replicasOf(d) - newReplicas));
}

export const oldestFirst = (a: ReplicaSet, b: ReplicaSet): number => {
  const [left, right] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
};

/** New sizes of old ReplicaSets, by name; those that stay as they are are left out. */
export type Sizes = Map<string, number>;

/**
 * How far old ReplicaSets may shrink now: first by replicas that are not available anyway, then by available ones as long as
 * enough stay available in all.
 */
export function shrinkOld(d: Deployment, newRs: ReplicaSet | undefined, old: readonly ReplicaSet[]): Sizes {
  const sizes: Sizes = new Map();
  const all = newRs ? [...old, newRs] : old;
  const minAvailable = replicasOf(d) - maxUnavailable(d);
  const newUnavailable = newRs ? replicasOf(newRs) - availableOf(newRs) : 0;
  const mayGo = sum(all, replicasOf) - minAvailable - newUnavailable;
  if (mayGo <= 0) return sizes;
  const sorted = old.toSorted(oldestFirst);
  const sizeOf = (rs: ReplicaSet): number => sizes.get(rs.metadata.name ?? "") ?? replicasOf(rs);
  const take = (budget: number, available: (rs: ReplicaSet) => number): void => {
    let left = budget;
    for (const rs of sorted) {
      const go = Math.min(left, sizeOf(rs), available(rs));
      if (go <= 0) continue;
      left -= go;
      sizes.set(rs.metadata.name ?? "", sizeOf(rs) - go);
    }
  };
  take(mayGo, (rs) => replicasOf(rs) - availableOf(rs));
  take(sum(all, availableOf) - minAvailable, sizeOf);
  return sizes;
}

/** The share of a change of `d`'s size that falls on `rs`, from its share of the size before. */
function fractionOf(d: Deployment, rs: ReplicaSet): number {
  if (replicasOf(d) === 0) return -replicasOf(rs);
  const before = Number(rs.metadata.annotations?.[MAX_REPLICAS] ?? d.status?.replicas ?? 0);
  if (!(before > 0)) return 0;
  const scaled = (replicasOf(rs) * (replicasOf(d) + fences(d).maxSurge)) / before;
  return Math.round(scaled) - replicasOf(rs);
}

/** Sizes of all active ReplicaSets after a scaling in the middle of a rollout: in proportion, the largest takes what is left over. */
export function proportionalSizes(d: Deployment, active: readonly ReplicaSet[]): Sizes {
  const allowed = replicasOf(d) > 0 ? replicasOf(d) + fences(d).maxSurge : 0;
  const change = allowed - sum(active, replicasOf);
  const bySize = active.toSorted(
    (a, b) => replicasOf(b) - replicasOf(a) || (change > 0 ? oldestFirst(b, a) : oldestFirst(a, b)),
  );
  const sizes: Sizes = new Map();
  let done = 0;
  for (const rs of bySize) {
    const left = change - done;
    const fraction = replicasOf(rs) === 0 || left === 0 ? 0 : fractionOf(d, rs);
    const step = change > 0 ? Math.min(fraction, left) : change < 0 ? Math.max(fraction, left) : 0;
    done += step;
    sizes.set(rs.metadata.name ?? "", replicasOf(rs) + step);
  }
  // What rounding left over falls on the largest, and on the next when that has no more to give.
  let leftover = change - done;
  for (const rs of bySize) {
    const size = sizes.get(rs.metadata.name ?? "") ?? 0;
    const next = Math.max(0, size + leftover);
    leftover -= next - size;
    sizes.set(rs.metadata.name ?? "", next);
  }
  return sizes;
}

/** The new ReplicaSet has taken over completely. */
export const isSaturated = (d: Deployment, newRs: ReplicaSet | undefined): boolean =>
  newRs !== undefined &&
  replicasOf(newRs) === replicasOf(d) &&
  newRs.metadata.annotations?.[DESIRED_REPLICAS] === String(replicasOf(d)) &&
  availableOf(newRs) === replicasOf(d);
