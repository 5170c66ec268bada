import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { RuntimeClass } from "@coracle/shared/api/generated/node-v1.ts";
import {
  cached,
  isFor,
  objectOf,
  refuse,
  type AdmissionContext,
  type AdmissionPlugin,
  type Attributes,
} from "./plugin.ts";

/** A pod takes overhead and placement from its RuntimeClass. */
export const runtimeClass: AdmissionPlugin = {
  name: "RuntimeClass",
  handles: (a) => a.operation === "CREATE" && isFor(a, "pods"),
  mutate(a, ctx) {
    const spec = objectOf<Pod>(a).spec;
    const found = classOf(a, ctx);
    if (!spec || !found) return;
    const overhead = found.overhead?.podFixed;
    if (overhead) {
      if (spec.overhead && !sameAmounts(spec.overhead, overhead)) {
        throw refuse(a, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
      }
      spec.overhead = { ...overhead };
    }
    for (const [key, value] of Object.entries(found.scheduling?.nodeSelector ?? {})) {
      const own = spec.nodeSelector?.[key];
      if (own !== undefined && own !== value) {
        throw refuse(
          a,
          `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
        );
      }
      (spec.nodeSelector ??= {})[key] = value;
    }
    for (const toleration of found.scheduling?.tolerations ?? []) {
      const same = JSON.stringify(toleration);
      if (!spec.tolerations?.some((t) => JSON.stringify(t) === same))
        (spec.tolerations ??= []).push({ ...toleration });
    }
  },
  validate(a, ctx) {
    const spec = objectOf<Pod>(a).spec;
    const wanted = classOf(a, ctx)?.overhead?.podFixed;
    if (!spec?.overhead || Object.keys(spec.overhead).length === 0) return;
    if (!wanted)
      throw refuse(a, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
    if (!sameAmounts(spec.overhead, wanted)) {
      throw refuse(a, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
    }
  },
};

function classOf(a: Attributes, ctx: AdmissionContext): RuntimeClass | undefined {
  const name = objectOf<Pod>(a).spec?.runtimeClassName;
  if (!name) return undefined;
  const found = cached<RuntimeClass>(ctx, "runtimeclasses.node.k8s.io", "", name);
  if (!found) throw refuse(a, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
  return found;
}

const sameAmounts = (a: Record<string, string>, b: Record<string, string>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([k, v]) => b[k] === v);
