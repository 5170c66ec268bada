import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { PriorityClass } from "@coracle/shared/api/generated/scheduling-v1.ts";
import {
  allCached,
  cached,
  isFor,
  objectOf,
  oldObjectOf,
  refuse,
  type AdmissionContext,
  type AdmissionPlugin,
  type Attributes,
} from "./plugin.ts";

const storage = "priorityclasses.scheduling.k8s.io";

const builtIn = (name: string, value: number, description: string): PriorityClass => ({
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name },
  value,
  description,
});

/** The classes that every cluster has; the API server sees to them at start. */
export const builtInPriorityClasses: readonly PriorityClass[] = [
  builtIn(
    "system-cluster-critical",
    2_000_000_000,
    "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
  ),
  builtIn(
    "system-node-critical",
    2_000_001_000,
    "Used for system critical pods that must not be moved from their current node.",
  ),
];

/** A pod's priority is that of its class. */
export const priority: AdmissionPlugin = {
  name: "Priority",
  handles: (a) =>
    a.operation === "DELETE"
      ? isFor(a, storage)
      : (a.operation === "CREATE" || a.operation === "UPDATE") && (isFor(a, "pods") || isFor(a, storage)),
  mutate(a, ctx) {
    if (a.kind.storage === "pods") prioritize(a, ctx);
  },
  validate(a, ctx) {
    if (a.operation === "DELETE") {
      if (builtInPriorityClasses.some(({ metadata }) => metadata.name === a.name))
        throw refuse(a, "this is a system priority class and cannot be deleted");
    } else if (a.kind.storage === storage) checkSingleDefault(a, ctx);
  },
};

function prioritize(a: Attributes, ctx: AdmissionContext): void {
  const spec = objectOf<Pod>(a).spec;
  if (!spec) return;
  if (a.operation === "UPDATE") {
    const old = oldObjectOf<Pod>(a)?.spec;
    if (old?.priority !== undefined) spec.priority ??= old.priority;
    if (old?.preemptionPolicy) spec.preemptionPolicy ??= old.preemptionPolicy;
    return;
  }
  const chosen = spec.priorityClassName ? classNamed(ctx, spec.priorityClassName) : defaultClass(ctx);
  if (spec.priorityClassName && !chosen) {
    throw refuse(a, `no PriorityClass with name ${spec.priorityClassName} was found`);
  }
  const value = chosen?.value ?? 0;
  const policy = chosen?.preemptionPolicy ?? "PreemptLowerPriority";
  const computed = "priority admission controller computed";
  if (spec.priority !== undefined && spec.priority !== value) {
    throw refuse(
      a,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; ${computed} ${value} from the given PriorityClass name`,
    );
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw refuse(
      a,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; ${computed} ${policy} from the given PriorityClass name`,
    );
  }
  if (!spec.priorityClassName && chosen) spec.priorityClassName = chosen.metadata.name;
  spec.priority = value;
  spec.preemptionPolicy = policy;
}

const classNamed = (ctx: AdmissionContext, name: string): PriorityClass | undefined =>
  cached<PriorityClass>(ctx, storage, "", name) ??
  builtInPriorityClasses.find((c) => c.metadata.name === name);

/** The default of lowest value, when there are several against the rules. */
function defaultClass(ctx: AdmissionContext): PriorityClass | undefined {
  let lowest: PriorityClass | undefined;
  for (const candidate of allCached<PriorityClass>(ctx, storage)) {
    if (candidate.globalDefault && (!lowest || (candidate.value ?? 0) < (lowest.value ?? 0)))
      lowest = candidate;
  }
  return lowest;
}

function checkSingleDefault(a: Attributes, ctx: AdmissionContext): void {
  const wanted = objectOf<PriorityClass>(a);
  if (!wanted.globalDefault) return;
  const present = defaultClass(ctx);
  if (present && present.metadata.name !== wanted.metadata.name) {
    throw refuse(
      a,
      `PriorityClass ${present.metadata.name} is already marked as default. Only one default can exist`,
    );
  }
}
