import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  type Resource,
} from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { claimsOf, indexByClaim } from "./claims-of-pod.ts";

/** What is in use is not deleted: the finalizers of claims and volumes go when nobody needs them. */

const CLAIM = "kubernetes.io/pvc-protection";
const VOLUME = "kubernetes.io/pv-protection";

export const claimProtectionController = (): Controller =>
  defineController({
    name: "pvc-protection",
    for: persistentVolumeClaims,
    watches: [{ resource: pods, keys: (pod) => claimsOf(pod) }],
    setup: (ctx) => indexByClaim(ctx.informers.for(pods)),
    async reconcile(key, ctx): Promise<Result> {
      const claim = ctx.informers.for(persistentVolumeClaims).get(key);
      if (!claim) return;
      const has = claim.metadata.finalizers?.includes(CLAIM) ?? false;
      if (claim.metadata.deletionTimestamp === undefined) {
        if (!has) await setFinalizers(ctx, persistentVolumeClaims, claim, (f) => [...f, CLAIM]);
      } else if (has && !(await isUsed(ctx, key)))
        await setFinalizers(ctx, persistentVolumeClaims, claim, (f) => f.filter((x) => x !== CLAIM));
    },
  });

/** Pods without a node do not count: a kubelet starts no pod whose claim is going. The cache is asked first, the server before a yes. */
async function isUsed(ctx: ControllerContext, key: string): Promise<boolean> {
  const uses = (pod: Pod): boolean => Boolean(pod.spec?.nodeName) && claimsOf(pod).includes(key);
  if (ctx.informers.for(pods).byIndex("claim", key).some(uses)) return true;
  const [namespace] = key.split("/");
  const live = await ctx.client.list(pods, { namespace, signal: ctx.signal });
  return live.items.some((pod) => uses({ ...pod, metadata: { ...pod.metadata, namespace } }));
}

export const volumeProtectionController = (): Controller =>
  defineController({
    name: "pv-protection",
    for: persistentVolumes,
    async reconcile(key, ctx): Promise<Result> {
      const volume = ctx.informers.for(persistentVolumes).get(key);
      if (!volume) return;
      const has = volume.metadata.finalizers?.includes(VOLUME) ?? false;
      if (volume.metadata.deletionTimestamp === undefined) {
        if (!has) await setFinalizers(ctx, persistentVolumes, volume, (f) => [...f, VOLUME]);
      } else if (has && volume.status?.phase !== "Bound")
        await setFinalizers(ctx, persistentVolumes, volume, (f) => f.filter((x) => x !== VOLUME));
    },
  });

/** Writes the finalizers as `change` makes them of those the object had; a newer state of it is left for the next look. */
export async function setFinalizers<T extends { metadata: KubeObject["metadata"] }>(
  ctx: ControllerContext,
  resource: Resource<T>,
  object: T,
  change: (finalizers: readonly string[]) => string[],
): Promise<void> {
  const { name = "", namespace, resourceVersion, finalizers = [] } = object.metadata;
  await ctx.client
    .patch(
      resource,
      { name, namespace },
      { type: "merge", body: { metadata: { resourceVersion, finalizers: change(finalizers) } } },
      { signal: ctx.signal },
    )
    .catch((error: unknown) => {
      // Its newer state comes by the cache and brings us back.
      if (!isNotFound(error) && !isConflict(error)) throw error;
      ctx.log.debug({ key: keyOf(object) }, "changed meanwhile");
    });
}
