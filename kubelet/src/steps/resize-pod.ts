/** In-place resize of what a pod asks for as a whole. */
import type { Container } from "@coracle/shared/api/generated/core-v1.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import { LABEL } from "../container/names.ts";
import { containerResources, podGroupResources } from "../container/resources.ts";
import { containersOf, instancesOf, sandboxOf, type PodRun } from "../pod.ts";

const text = (resources: Container["resources"]): string => JSON.stringify(resources ?? {});

/** What the pod as a whole has: what it was given, by this life of the kubelet or, as the API was told, by one before. */
export const givenToPod = (run: PodRun): Container["resources"] =>
  run.given ?? run.pod.status?.resources ?? run.pod.spec?.resources;

/** It has a group of its own around its containers. */
export const isGrouped = (run: PodRun): boolean => sandboxOf(run)?.labels[LABEL.cgroup] !== undefined;

/** It asks for something else than it has. */
export const isPodResizeDue = (run: PodRun): boolean =>
  sandboxOf(run)?.state === "running" && text(givenToPod(run)) !== text(run.pod.spec?.resources);

/** The kernel would end one of its containers on the spot. @throws Error */
async function checkMemory(run: PodRun, wanted: number | undefined): Promise<void> {
  const had = resourceAmount("memory", givenToPod(run)?.limits?.["memory"] ?? "0");
  if (wanted === undefined || (had !== 0 && wanted >= had)) return;
  const used = await run.ctx.cgroups.memoryInUse(run.uid);
  if (used > wanted)
    throw new Error(`attempting to set pod memory limit (${wanted}) below current usage (${used})`);
}

/**
 * Gives the pod what it asks for as a whole. Without a group, that is the limit of each container that has none of its own.
 * @throws Error when it cannot be done now
 */
export async function resizeWhole(run: PodRun): Promise<void> {
  const { ctx, pod, uid } = run;
  const resources = podGroupResources(pod) ?? {};
  if (isGrouped(run)) {
    await checkMemory(run, resources.memoryBytes);
    await ctx.cgroups.set(uid, resources);
  } else
    for (const { spec } of containersOf(pod)) {
      const [instance] = instancesOf(run, spec.name);
      if (instance?.state === "running")
        await ctx.runtime.update(
          instance.id,
          containerResources(pod, spec, { pidsLimit: ctx.config.podPidsLimit }),
        );
    }
  run.given = pod.spec?.resources ?? {};
}
