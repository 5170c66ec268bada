import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { PodDisruptionBudget } from "@coracle/shared/api/generated/policy-v1.ts";
import {
  deployments,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  statefulSets,
} from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { selectorFromObject } from "@coracle/shared/meta/labels.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { controllerOf } from "@coracle/shared/meta/owners.ts";
import { isPodReady } from "@coracle/shared/meta/pods.ts";
import { semanticEqual } from "../../canonical.ts";
import { indexByNamespace, inNamespace } from "../../ownership/index-by.ts";
import { messageOf } from "../../pods/control.ts";
import { expectedOf, grantsOf, needsScale, statusOf, withCondition } from "./budget.ts";
import { scaleOf } from "./scale-of.ts";

/** Keeps the figures of PodDisruptionBudgets, by which evictions are granted. */
export const disruptionController = (): Controller =>
  defineController({
    name: "disruption",
    for: podDisruptionBudgets,
    watches: [
      { resource: pods, keys: budgetsOfPod },
      ...[replicaSets, deployments, statefulSets, replicationControllers].map((resource) => ({
        resource,
        keys: budgetsNear,
      })),
    ],
    setup(ctx) {
      indexByNamespace(ctx.informers.for(pods));
      indexByNamespace(ctx.informers.for(podDisruptionBudgets));
    },
    async reconcile(key, ctx): Promise<Result> {
      const budget = ctx.informers.for(podDisruptionBudgets).get(key);
      if (!budget) return undefined;
      const selector = selectorFromObject(budget.spec?.selector);
      const selected = inNamespace(ctx.informers.for(pods), budget.metadata.namespace).filter((pod) =>
        selector.matches(pod.metadata.labels),
      );
      if (selected.length === 0) ctx.events.record(budget, "Normal", "NoPods", "No matching pods found");
      const now = ctx.clock.now();
      let status;
      try {
        const scale = needsScale(budget) ? await scaleOf(ctx, selected) : 0;
        if (needsScale(budget) && selected.some((pod) => !controllerOf(pod)))
          ctx.events.record(
            budget,
            "Warning",
            "UnmanagedPods",
            "Some of the pods have no controller that says how many there should be, so they are not counted: only an integer in minAvailable counts them",
          );
        status = statusOf(
          budget,
          selected,
          expectedOf(budget, selected, () => scale),
          now,
        );
      } catch (error) {
        await failSafe(ctx, budget, error);
        throw error;
      }
      if (!semanticEqual(status, budget.status))
        await ctx.client.update(
          podDisruptionBudgets,
          { ...budget, status },
          { subresource: "status", signal: ctx.signal },
        );
      const { recheckAt } = grantsOf(budget, selected, now);
      return recheckAt === undefined ? undefined : { requeueAfterMs: recheckAt - now + 1 };
    },
  });

/** Only what changes the count: readiness, departure, labels. */
function budgetsOfPod(object: KubeObject, before: KubeObject | undefined, ctx: ControllerContext): string[] {
  const [pod, old] = [object as Pod, before as Pod | undefined];
  const same =
    old &&
    isPodReady(pod) === isPodReady(old) &&
    pod.metadata.deletionTimestamp === old.metadata.deletionTimestamp &&
    semanticEqual(pod.metadata.labels, old.metadata.labels);
  if (same) return [];
  return inNamespace(ctx.informers.for(podDisruptionBudgets), pod.metadata.namespace)
    .filter((budget) => {
      const selector = selectorFromObject(budget.spec?.selector);
      return selector.matches(pod.metadata.labels) || (old && selector.matches(old.metadata.labels));
    })
    .map((budget) => keyOf(budget));
}

/** The scale of something changed: the budgets of its namespace may expect another number of pods. */
function budgetsNear(object: KubeObject, old: KubeObject | undefined, ctx: ControllerContext): string[] {
  const replicas = (o: KubeObject | undefined): unknown =>
    (o?.["spec"] as { replicas?: number } | undefined)?.replicas;
  if (old && replicas(old) === replicas(object)) return [];
  return inNamespace(ctx.informers.for(podDisruptionBudgets), object.metadata.namespace).map((b) => keyOf(b));
}

/** When the figures cannot be known nothing may be disrupted. */
async function failSafe(ctx: ControllerContext, budget: PodDisruptionBudget, error: unknown): Promise<void> {
  ctx.events.record(
    budget,
    "Warning",
    "CalculateExpectedPodCountFailed",
    `Failed to calculate the number of expected pods: ${messageOf(error)}`,
  );
  const conditions = withCondition(
    budget.status?.conditions ?? [],
    { status: "False", reason: "SyncFailed", message: messageOf(error) },
    budget.metadata.generation ?? 0,
    ctx.clock.now(),
  );
  const status = { ...budget.status, disruptionsAllowed: 0, conditions };
  if (semanticEqual(status, budget.status)) return;
  await ctx.client.update(
    podDisruptionBudgets,
    { ...budget, status },
    { subresource: "status", signal: ctx.signal },
  );
}
