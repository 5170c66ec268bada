import type { Taint, Toleration } from "../api/generated/core-v1.ts";

/** Taints and tolerations. Pure; used by the scheduler, controllers and the kubelet. */

const INTEGER = /^-?(0|[1-9]\d*)$/;

/** An empty key tolerates every key, an empty effect every effect. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  switch (toleration.operator ?? "") {
    case "":
    case "Equal":
      return (toleration.value ?? "") === (taint.value ?? "");
    case "Exists":
      return true;
    case "Gt":
    case "Lt": {
      const [bound, value] = [toleration.value ?? "", taint.value ?? ""];
      if (!INTEGER.test(bound) || !INTEGER.test(value)) return false;
      return toleration.operator === "Gt" ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
    }
    default:
      return false;
  }
}

export const isTolerated = (taint: Taint, tolerations: readonly Toleration[] | undefined): boolean =>
  (tolerations ?? []).some((t) => tolerates(t, taint));

/** The first taint of one of the effects that nothing tolerates. */
export const untoleratedTaint = (
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined =>
  (taints ?? []).find((taint) => effects.includes(taint.effect) && !isTolerated(taint, tolerations));
