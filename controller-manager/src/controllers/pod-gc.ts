import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { nodes, pods } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { isTerminal } from "@coracle/shared/meta/pods.ts";
import { isTolerated } from "@coracle/shared/scheduling/taints.ts";
import { indexByNode, onNode } from "../ownership/index-by.ts";
import { markDisrupted } from "../pods/disrupt.ts";

/** Finished pods beyond this number go, oldest first. */
const TERMINATED_THRESHOLD = 12_500;
/** A node may be registered a moment after its pods are seen: upstream's quarantine. */
const QUARANTINE_MS = 40_000;
const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const FINISHED = "*finished";

/**
 * Deletes pods nobody will ever finish: those of nodes that no longer exist, those stuck on nodes declared out of service, unbound ones
 * that are terminating, and finished ones beyond a threshold. Keys are node names; `""` stands for no node.
 */
export function podGcController(): Controller {
  const missingSince = new Map<string, number>();
  const finished = new Set<string>();
  return defineController({
    name: "pod-gc",
    for: nodes,
    watches: [{ resource: pods, keys: (pod, old) => keysOfPod(pod, old, finished) }],
    setup(ctx) {
      indexByNode(ctx.informers.for(pods));
      ctx.informers.for(pods).on({
        add: (pod) => note(finished, pod, false),
        update: (pod) => note(finished, pod, false),
        delete: (pod) => note(finished, pod, true),
      });
    },
    async reconcile(key, ctx): Promise<Result> {
      if (key === FINISHED) return trimFinished(ctx, finished);
      if (key === "") return deleteAll(ctx, onNode(ctx.informers.for(pods), "").filter(isGoing));
      const node = ctx.informers.for(nodes).get(key);
      if (node) {
        missingSince.delete(key);
        const taints = node.spec?.taints ?? [];
        const out = taints.find((t) => t.key === OUT_OF_SERVICE);
        const ready = node.status?.conditions?.find((c) => c.type === "Ready")?.status === "True";
        if (out && !ready)
          await deleteAll(
            ctx,
            onNode(ctx.informers.for(pods), key).filter(
              (pod) => isGoing(pod) && !isTolerated(out, pod.spec?.tolerations),
            ),
          );
        return undefined;
      }
      return collectOrphans(ctx, key, missingSince);
    },
  });
}

const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

function note(finished: Set<string>, pod: Pod, gone: boolean): void {
  const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
  if (!gone && isTerminal(pod)) finished.add(key);
  else finished.delete(key);
}

function keysOfPod(pod: Pod, old: Pod | undefined, finished: ReadonlySet<string>): string[] {
  const keys: string[] = [];
  const node = pod.spec?.nodeName ?? "";
  if (isGoing(pod) && (!old || !isGoing(old) || old.spec?.nodeName !== pod.spec?.nodeName)) keys.push(node);
  // On arrival the node may be missing already (deleted while we were not looking).
  else if (node !== "" && old?.spec?.nodeName !== node) keys.push(node);
  if (finished.size > TERMINATED_THRESHOLD) keys.push(FINISHED);
  return keys;
}

async function collectOrphans(
  ctx: ControllerContext,
  node: string,
  missingSince: Map<string, number>,
): Promise<Result> {
  const orphans = onNode(ctx.informers.for(pods), node);
  if (orphans.length === 0) {
    missingSince.delete(node);
    return undefined;
  }
  const since = missingSince.get(node) ?? ctx.clock.now();
  missingSince.set(node, since);
  const left = since + QUARANTINE_MS - ctx.clock.now();
  if (left > 0) return { requeueAfterMs: left };
  const exists = await ctx.client
    .get(nodes, { name: node }, { signal: ctx.signal })
    .then(() => true)
    .catch((error: unknown) => {
      if (isNotFound(error)) return false;
      throw error;
    });
  if (exists) return undefined;
  ctx.log.info({ node, pods: orphans.length }, "deleting pods of a node that is gone");
  for (const pod of orphans) {
    await markDisrupted(ctx, pod, {
      reason: "DeletionByPodGC",
      message: "PodGC: node no longer exists",
      fail: true,
    });
  }
  return deleteAll(ctx, orphans);
}

async function trimFinished(ctx: ControllerContext, finished: ReadonlySet<string>): Promise<undefined> {
  const surplus = finished.size - TERMINATED_THRESHOLD;
  if (surplus <= 0) return undefined;
  const all = [...finished].flatMap((key) => ctx.informers.for(pods).get(key) ?? []);
  const created = (pod: Pod): string => pod.metadata.creationTimestamp ?? "";
  const oldest = all.toSorted((a, b) => (created(a) < created(b) ? -1 : 1)).slice(0, surplus);
  return deleteAll(ctx, oldest);
}

/** At once: there is no kubelet left to wait for. */
async function deleteAll(ctx: ControllerContext, victims: readonly Pod[]): Promise<undefined> {
  for (const pod of victims) {
    const { name = "", namespace, uid } = pod.metadata;
    await ctx.client
      .delete(
        pods,
        { name, namespace },
        { signal: ctx.signal, gracePeriodSeconds: 0, preconditions: { uid } },
      )
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
  return undefined;
}
