import type { Pod, PodSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { WriteContext } from "../../registry/kind.ts";
import { applyLabelKeys } from "./label-keys.ts";
import { qosClass } from "../shared/pod/resources.ts";

/** A new pod is pending, whatever status came with it. */
export function preparePodForCreate(pod: Pod, ctx: WriteContext): void {
  applyLabelKeys(pod);
  const gated = (pod.spec?.schedulingGates ?? []).length > 0;
  pod.status = {
    phase: "Pending",
    ...(pod.spec ? { qosClass: qosClass(pod.spec) } : {}),
    ...(gated ? { conditions: [gatedCondition(ctx.now())] } : {}),
  };
}

const gatedCondition = (now: Date) => ({
  type: "PodScheduled",
  status: "False",
  reason: "SchedulingGated",
  message: "Scheduling is blocked due to non-empty scheduling gates",
  lastProbeTime: undefined,
  lastTransitionTime: now.toISOString().replace(/\.\d+Z$/, "Z"),
});

/** Ephemeral containers are written through their own subresource only. */
export function preparePodForUpdate(pod: Pod, old: Pod, ctx: WriteContext): void {
  if (!pod.spec || !old.spec) return;
  if (ctx.subresource === "ephemeralcontainers") {
    const added = pod.spec.ephemeralContainers;
    pod.spec = structuredClone(old.spec);
    if (added) pod.spec.ephemeralContainers = added;
  } else if (ctx.subresource === "resize") {
    keepAllButResources(pod, old.spec);
  }
  if (pod.status && old.status?.qosClass) pod.status.qosClass = old.status.qosClass;
}

function keepAllButResources(pod: Pod, old: PodSpec): void {
  const wanted = pod.spec;
  const spec = structuredClone(old);
  for (const list of ["containers", "initContainers"] as const)
    for (const container of spec[list] ?? []) {
      const match = wanted?.[list]?.find((c) => c.name === container.name);
      if (!match) continue;
      if (match.resources) container.resources = match.resources;
      if (match.resizePolicy) container.resizePolicy = match.resizePolicy;
    }
  if (wanted?.resources) spec.resources = wanted.resources;
  pod.spec = spec;
}
