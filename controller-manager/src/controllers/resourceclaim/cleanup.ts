import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type {
  ResourceClaim,
  ResourceClaimConsumerReference,
} from "@coracle/shared/api/generated/resource-v1.ts";
import { pods, resourceClaims } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { claimFinalizer, claimNamesOf } from "@coracle/shared/dra/pod-claims.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { controllerOf } from "@coracle/shared/meta/owners.ts";
import { isTerminal } from "@coracle/shared/meta/pods.ts";

/** Takes claims away from pods that have ended; a claim that nobody uses gives its devices back. */
export const resourceClaimCleanup = (): Controller =>
  defineController({
    name: "resourceclaim-cleanup",
    for: resourceClaims,
    watches: [
      {
        resource: pods,
        keys: (object) => {
          const pod = object as Pod;
          return claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`);
        },
      },
    ],
    async reconcile(key, ctx): Promise<Result> {
      const claim = ctx.informers.for(resourceClaims).get(key);
      if (!claim) return;
      try {
        await cleanUp(ctx, claim);
      } catch (error) {
        // Its newer state comes by the cache and brings us back.
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
    },
  });

async function cleanUp(ctx: ControllerContext, claim: ResourceClaim): Promise<void> {
  const before = claim.status?.reservedFor ?? [];
  const kept: ResourceClaimConsumerReference[] = [];
  for (const consumer of before) if (await uses(ctx, claim, consumer)) kept.push(consumer);
  const ours = claim.metadata.finalizers?.includes(claimFinalizer) ?? false;
  const unused = kept.length === 0 && ours;
  const ends = claim.metadata.deletionTimestamp !== undefined || kept.length < before.length;
  let current = claim;
  const deallocate = unused && ends && claim.status?.allocation !== undefined;
  if (kept.length < before.length || deallocate) {
    const { allocation, reservedFor: _, ...rest } = claim.status ?? {};
    const status = {
      ...rest,
      ...(allocation && !deallocate ? { allocation } : {}),
      ...(kept.length > 0 ? { reservedFor: kept } : {}),
    };
    current = await ctx.client.update(
      resourceClaims,
      { ...claim, status },
      { subresource: "status", signal: ctx.signal },
    );
  }
  // Not while it is being allocated: the scheduler puts the finalizer on first.
  if (unused && ends && !current.status?.allocation) {
    const finalizers = (current.metadata.finalizers ?? []).filter((f) => f !== claimFinalizer);
    await ctx.client.update(
      resourceClaims,
      { ...current, metadata: { ...current.metadata, finalizers } },
      { signal: ctx.signal },
    );
  }
  if (kept.length === 0) await deleteOfEndedPod(ctx, claim);
}

/** Only pods are known to us; what else has reserved the claim must let it go itself. */
async function uses(
  ctx: ControllerContext,
  claim: ResourceClaim,
  consumer: ResourceClaimConsumerReference,
): Promise<boolean> {
  if (consumer.apiGroup || consumer.resource !== "pods") return true;
  const pod = await podOf(ctx, claim.metadata.namespace, consumer);
  return pod !== undefined && !isDone(pod);
}

/** The cache may not have seen it yet; then the server is asked. */
async function podOf(
  ctx: ControllerContext,
  namespace: string | undefined,
  { name, uid }: { readonly name: string; readonly uid: string },
): Promise<Pod | undefined> {
  const cached = ctx.informers.for(pods).get(`${namespace}/${name}`);
  if (cached?.metadata.uid === uid) return cached;
  try {
    const live = await ctx.client.get(pods, { name, namespace }, { signal: ctx.signal });
    return live.metadata.uid === uid ? live : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Ended, or going before any node had it. */
const isDone = (pod: Pod): boolean =>
  isTerminal(pod) || (pod.metadata.deletionTimestamp !== undefined && !pod.spec?.nodeName);

/** A claim made for a pod that has ended is of no use to anybody. */
async function deleteOfEndedPod(ctx: ControllerContext, claim: ResourceClaim): Promise<void> {
  const owner = controllerOf(claim);
  if (owner?.kind !== "Pod" || claim.metadata.deletionTimestamp !== undefined) return;
  const { name = "", namespace, uid } = claim.metadata;
  const pod = ctx.informers.for(pods).get(`${namespace}/${owner.name}`);
  if (pod?.metadata.uid !== owner.uid || !isDone(pod)) return;
  await ctx.client.delete(
    resourceClaims,
    { name, namespace },
    { preconditions: { uid }, signal: ctx.signal },
  );
}
