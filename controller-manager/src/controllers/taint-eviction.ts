import type { Node, Pod, Taint, Toleration } from "@coracle/shared/api/generated/core-v1.ts";
import { nodes, pods } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { podCondition } from "@coracle/shared/meta/pods.ts";
import { tolerates } from "@coracle/shared/scheduling/taints.ts";
import { semanticEqual } from "../canonical.ts";
import { indexByNode, onNode } from "../ownership/index-by.ts";
import { markDisrupted } from "../pods/disrupt.ts";

/** Deletes pods from nodes with NoExecute taints when their tolerations run out. One timer a pod, in the work queue. */
export function taintEvictionController(): Controller {
  /** When a pod was first seen on a tainted node, for taints that do not say since when they are there. */
  const since = new Map<string, number>();
  return defineController({
    name: "taint-eviction",
    for: pods,
    workers: 8,
    watches: [{ resource: nodes, keys: podsOfTainted }],
    setup: (ctx) => indexByNode(ctx.informers.for(pods)),
    async reconcile(key, ctx): Promise<Result> {
      const pod = ctx.informers.for(pods).get(key);
      const node = pod?.spec?.nodeName ? ctx.informers.for(nodes).get(pod.spec.nodeName) : undefined;
      const taints = (node?.spec?.taints ?? []).filter((t) => t.effect === "NoExecute");
      if (!pod || pod.metadata.deletionTimestamp !== undefined || taints.length === 0) {
        if (since.delete(key) && pod && !pod.metadata.deletionTimestamp)
          ctx.events.record(pod, "Normal", "TaintManagerEviction", `Cancelling deletion of Pod ${key}`);
        return undefined;
      }
      const first = since.get(key) ?? ctx.clock.now();
      const at = evictionTime(taints, pod.spec?.tolerations ?? [], { first, arrived: arrivalOf(pod) });
      if (at === undefined) {
        since.delete(key);
        return undefined;
      }
      since.set(key, first);
      const left = at - ctx.clock.now();
      if (left > 0) return { requeueAfterMs: left };
      await evict(ctx, pod);
      since.delete(key);
      return undefined;
    },
  });
}

/** When a pod came to its node. */
const arrivalOf = (pod: Pod): number =>
  Date.parse(podCondition(pod, "PodScheduled")?.lastTransitionTime ?? pod.metadata.creationTimestamp ?? "") ||
  0;

interface Stay {
  /** When the pod was first seen on the tainted node. */
  readonly first: number;
  /** When it came there, to the second. */
  readonly arrived: number;
}

/** Since when a pod bears a taint: since both are there. The times in objects are whole seconds, what we saw ourselves is exact. */
function borneSince({ timeAdded }: Taint, { first, arrived }: Stay): number {
  if (timeAdded === undefined) return first;
  const start = Math.max(Date.parse(timeAdded), arrived);
  return first - start > 0 && first - start < 1000 ? first : start;
}

/** When these taints drive off a pod with these tolerations; undefined: never. Pure. */
export function evictionTime(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
  stay: Stay,
): number | undefined {
  let earliest: number | undefined;
  for (const taint of taints) {
    const matching = tolerations.filter((t) => tolerates(t, taint));
    const start = borneSince(taint, stay);
    if (matching.length === 0) return start;
    const limits = matching.flatMap((t) =>
      t.tolerationSeconds === undefined ? [] : [Math.max(0, t.tolerationSeconds)],
    );
    if (limits.length === 0) continue;
    const at = start + Math.min(...limits) * 1000;
    if (earliest === undefined || at < earliest) earliest = at;
  }
  return earliest;
}

const noExecute = (node: KubeObject): Taint[] =>
  ((node as Node).spec?.taints ?? []).filter((t) => t.effect === "NoExecute");

function podsOfTainted(node: KubeObject, old: KubeObject | undefined, ctx: ControllerContext): string[] {
  const taints = noExecute(node);
  if (old ? semanticEqual(taints, noExecute(old)) : taints.length === 0) return [];
  return onNode(ctx.informers.for(pods), node.metadata.name ?? "").map((pod) => keyOf(pod));
}

async function evict(ctx: ControllerContext, pod: Pod): Promise<void> {
  const { name = "", namespace, uid } = pod.metadata;
  ctx.events.record(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${namespace}/${name}`);
  await markDisrupted(ctx, pod, {
    reason: "DeletionByTaintManager",
    message: "Taint manager: deleting due to NoExecute taint",
  });
  await ctx.client
    .delete(pods, { name, namespace }, { signal: ctx.signal, preconditions: { uid } })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
}
