import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { OwnerReference } from "@coracle/shared/api/generated/meta-v1.ts";
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
import { readScale } from "../../scale.ts";
import { expectedOf, grantsOf, statusOf, withCondition } from "./budget.ts";

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
        const scale = await scaleOf(ctx, selected);
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

/** The replicas that the pods' controllers ask for together; a ReplicaSet of a Deployment stands for the Deployment. */
async function scaleOf(ctx: ControllerContext, selected: readonly Pod[]): Promise<number> {
  const owners = new Map<string, { ref: OwnerReference; namespace: string }>();
  for (const pod of selected) {
    const ref = controllerOf(pod);
    if (ref) owners.set(ref.uid, { ref, namespace: pod.metadata.namespace ?? "" });
  }
  const scales = new Map<string, number>();
  for (const { ref, namespace } of owners.values()) {
    const at = `${namespace}/${ref.name}`;
    const set = ref.kind === "ReplicaSet" ? ctx.informers.for(replicaSets).get(at) : undefined;
    const parent = set && controllerOf(set);
    if (parent?.kind === "Deployment") {
      const deployment = ctx.informers.for(deployments).get(`${namespace}/${parent.name}`);
      scales.set(parent.uid, deployment?.spec?.replicas ?? set?.spec?.replicas ?? 0);
    } else scales.set(ref.uid, await replicasOf(ctx, ref, namespace, at));
  }
  return [...scales.values()].reduce((a, b) => a + b, 0);
}

async function replicasOf(
  ctx: ControllerContext,
  ref: OwnerReference,
  namespace: string,
  key: string,
): Promise<number> {
  switch (ref.kind) {
    case "ReplicaSet":
      return ctx.informers.for(replicaSets).get(key)?.spec?.replicas ?? 0;
    case "StatefulSet":
      return ctx.informers.for(statefulSets).get(key)?.spec?.replicas ?? 0;
    case "ReplicationController":
      return ctx.informers.for(replicationControllers).get(key)?.spec?.replicas ?? 0;
    default: {
      const { scale } = await readScale(ctx.client, ref, namespace, ctx.signal);
      return scale.spec?.replicas ?? 0;
    }
  }
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
