import type { Namespace, Pod, Toleration } from "@coracle/shared/api/generated/core-v1.ts";
import {
  annotationsOf,
  cached,
  isFor,
  objectOf,
  refuse,
  type AdmissionContext,
  type AdmissionPlugin,
  type Attributes,
} from "./plugin.ts";

const defaults = "scheduler.alpha.kubernetes.io/defaultTolerations";
const allowed = "scheduler.alpha.kubernetes.io/tolerationsWhitelist";

/** A namespace says what its pods tolerate, and what at most. Off unless enabled. */
export const podTolerationRestriction: AdmissionPlugin = {
  name: "PodTolerationRestriction",
  handles: (a) => (a.operation === "CREATE" || a.operation === "UPDATE") && isFor(a, "pods"),
  mutate(a, ctx) {
    const spec = objectOf<Pod>(a).spec;
    if (!spec || a.operation !== "CREATE") return;
    for (const toleration of fromNamespace(a, ctx, defaults) ?? []) {
      const clash = spec.tolerations?.find((t) => t.key === toleration.key && t.effect === toleration.effect);
      if (!clash) (spec.tolerations ??= []).push(toleration);
      else if (!includes(toleration, clash)) {
        throw refuse(a, "namespace tolerations and pod tolerations conflict");
      }
    }
  },
  validate(a, ctx) {
    const most = fromNamespace(a, ctx, allowed);
    if (!most) return;
    for (const toleration of objectOf<Pod>(a).spec?.tolerations ?? []) {
      if (most.some((m) => includes(m, toleration))) continue;
      throw refuse(
        a,
        "pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist",
      );
    }
  },
};

function fromNamespace(a: Attributes, ctx: AdmissionContext, annotation: string): Toleration[] | undefined {
  const namespace = cached<Namespace>(ctx, "namespaces", "", a.namespace);
  const text = namespace && annotationsOf(namespace)[annotation];
  if (!text) return undefined;
  try {
    return JSON.parse(text) as Toleration[];
  } catch {
    throw refuse(a, `namespace annotation ${annotation} is not a list of tolerations`);
  }
}

/** Whether all that `inner` tolerates is tolerated by `outer`. */
function includes(outer: Toleration, inner: Toleration): boolean {
  const operator = (t: Toleration): string => t.operator ?? "Equal";
  if (outer.key && outer.key !== inner.key) return false;
  if (outer.effect && outer.effect !== inner.effect) return false;
  if (
    outer.tolerationSeconds !== undefined &&
    (inner.tolerationSeconds ?? Infinity) > outer.tolerationSeconds
  )
    return false;
  if (operator(outer) === "Exists") return true;
  return operator(inner) === "Equal" && (outer.value ?? "") === (inner.value ?? "");
}
