import type { Pod, ResourceQuota } from "@coracle/shared/api/generated/core-v1.ts";
import {
  configMaps,
  persistentVolumeClaims,
  pods,
  replicationControllers,
  resourceClaims,
  resourceQuotas,
  secrets,
  services,
  storageNameOf,
  type Resource,
} from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { isTerminal } from "@coracle/shared/meta/pods.ts";
import {
  addQuantities,
  formatQuantity,
  parseQuantity,
  quantityOf,
  zeroQuantity,
  type Quantity,
} from "@coracle/shared/meta/quantity.ts";
import { inScope } from "@coracle/shared/quota/scopes.ts";
import { usageOf } from "@coracle/shared/quota/usage.ts";
import { semanticEqual } from "../../canonical.ts";
import { indexByNamespace, inNamespace } from "../../ownership/index-by.ts";
import { createCountedKinds, type CountedKinds } from "./counted-kinds.ts";

/** What is counted from caches; anything else a quota names is counted by asking. */
const CACHED = [
  pods,
  services,
  persistentVolumeClaims,
  configMaps,
  secrets,
  replicationControllers,
  resourceClaims,
  resourceQuotas,
] as const satisfies readonly Resource<unknown>[];

/** What no event brings to light (counts of other kinds, overdue deletions) is counted again after this long: upstream's resync. */
const RESYNC_MS = 5 * 60_000;

/** An outsider's write of the status, and a charge whose write failed after admission, are put right after this long. */
const STATUS_RECHECK_MS = 30_000;

/** Keeps the used amounts of ResourceQuotas. Admission raises them at once; this lowers them when objects go. */
export function resourceQuotaController(): Controller {
  let kinds: CountedKinds;
  return defineController({
    name: "resourcequota",
    for: resourceQuotas,
    // Each admitted write changes a status: what it says is known to be right then, so nothing is recounted at once.
    concerns: (quota, old) =>
      !semanticEqual((quota as ResourceQuota).spec?.hard, (old as ResourceQuota).spec?.hard),
    watches: CACHED.map((resource) => ({
      resource,
      keys: (object: KubeObject, old: KubeObject | undefined, ctx: ControllerContext) =>
        usageMayChange(resource, object, old) ? quotasCounting(ctx, resource, object, old) : [],
    })),
    setup(ctx, wake) {
      for (const resource of CACHED) indexByNamespace(ctx.informers.for(resource as Resource<KubeObject>));
      ctx.informers.for(resourceQuotas).on({ update: (quota) => wake(keyOf(quota), STATUS_RECHECK_MS) });
      kinds = createCountedKinds((object, name) => {
        for (const quota of inNamespace(ctx.informers.for(resourceQuotas), object.metadata.namespace))
          if (quota.spec?.hard?.[name] !== undefined) wake(keyOf(quota));
      });
    },
    async reconcile(key, ctx): Promise<Result> {
      const quota = ctx.informers.for(resourceQuotas).get(key);
      if (!quota || quota.metadata.deletionTimestamp !== undefined) return undefined;
      const hard = quota.spec?.hard ?? {};
      const used = await recount(ctx, kinds, quota, hard);
      const status = { hard, used };
      if (!semanticEqual(status, quota.status))
        await ctx.client.update(
          resourceQuotas,
          { ...quota, status },
          { subresource: "status", signal: ctx.signal },
        );
      return { requeueAfterMs: RESYNC_MS };
    },
  });
}

/** The quotas of an object's namespace that limit something it uses or has used. */
function quotasCounting(
  ctx: ControllerContext,
  resource: Resource<unknown>,
  object: KubeObject,
  old: KubeObject | undefined,
): string[] {
  const storage = storageNameOf(resource);
  const used = { ...(old && usageOf(storage, old)), ...usageOf(storage, object) };
  return inNamespace(ctx.informers.for(resourceQuotas), object.metadata.namespace)
    .filter((quota) => Object.keys(used).some((name) => quota.spec?.hard?.[name] !== undefined))
    .map((quota) => keyOf(quota));
}

function usageMayChange(
  resource: Resource<unknown>,
  object: KubeObject,
  old: KubeObject | undefined,
): boolean {
  if (!old) return true;
  if (resource === pods) return podMatters(object, old);
  const bySpec = resource === services || resource === persistentVolumeClaims;
  return bySpec && !semanticEqual(object["spec"], old["spec"]);
}

/** End and resizing. */
const podMatters = (pod: Pod, old: Pod): boolean =>
  isTerminal(pod) !== isTerminal(old) ||
  !semanticEqual(
    pod.spec?.containers.map((c) => c.resources),
    old.spec?.containers.map((c) => c.resources),
  );

/** A pod overdue in its deletion is held up by its node, not by its owner: it uses nothing any more. */
const isOverdue = (object: KubeObject, now: number): boolean =>
  object.metadata.deletionTimestamp !== undefined && Date.parse(object.metadata.deletionTimestamp) <= now;

/** The used amounts of what the quota limits, in the form of quantities; what nothing uses is "0". */
async function recount(
  ctx: ControllerContext,
  kinds: CountedKinds,
  quota: ResourceQuota,
  hard: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const totals = new Map<string, Quantity>(
    Object.entries(hard).map(([name, limit]) => [
      name,
      { ...zeroQuantity, format: parseQuantity(limit).format },
    ]),
  );
  const now = ctx.clock.now();
  for (const resource of CACHED) {
    const storage = storageNameOf(resource);
    for (const object of inNamespace(
      ctx.informers.for(resource as Resource<KubeObject>),
      quota.metadata.namespace,
    )) {
      if (!inScope(quota, storage, object) || (storage === "pods" && isOverdue(object, now))) continue;
      for (const [name, amount] of Object.entries(usageOf(storage, object))) {
        const total = totals.get(name);
        if (total) totals.set(name, addQuantities(total, amount));
      }
    }
  }
  const others = Object.keys(hard).filter((name) => name.startsWith("count/") && !isCached(name));
  for (const [name, count] of await kinds.count(ctx, quota.metadata.namespace ?? "", others))
    totals.set(name, quantityOf(count));
  return Object.fromEntries([...totals].map(([name, total]) => [name, formatQuantity(total)]));
}

const isCached = (name: string): boolean => CACHED.some((r) => `count/${storageNameOf(r)}` === name);
