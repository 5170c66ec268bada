import type { Pod, ResourceQuota } from "@coracle/shared/api/generated/core-v1.ts";
import {
  configMaps,
  persistentVolumeClaims,
  pods,
  replicationControllers,
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
import { discover } from "../../discovery.ts";
import { indexByNamespace, inNamespace } from "../../ownership/index-by.ts";
/** What is counted from caches; anything else a quota names is counted by asking. */
const CACHED = [
  pods,
  services,
  persistentVolumeClaims,
  configMaps,
  secrets,
  replicationControllers,
  resourceQuotas,
] as const satisfies readonly Resource<unknown>[];

/** What no event brings to light (counts of other kinds, overdue deletions) is counted again after this long: upstream's resync. */
const RESYNC_MS = 5 * 60_000;

/** Keeps the used amounts of ResourceQuotas. Admission raises them at once; this lowers them when objects go. */
export const resourceQuotaController = (): Controller =>
  defineController({
    name: "resourcequota",
    for: resourceQuotas,
    watches: [
      {
        resource: pods,
        keys: (pod, old, ctx) => (podMatters(pod, old) ? quotasNear(pod, ctx) : []),
      },
      { resource: services, keys: (o, old, ctx) => (sameSpec(o, old) ? [] : quotasNear(o, ctx)) },
      {
        resource: persistentVolumeClaims,
        keys: (o, old, ctx) => (sameSpec(o, old) ? [] : quotasNear(o, ctx)),
      },
      ...[configMaps, secrets, replicationControllers].map((resource) => ({
        resource,
        keys: (o: KubeObject, old: KubeObject | undefined, ctx: ControllerContext) =>
          old ? [] : quotasNear(o, ctx),
      })),
    ],
    setup(ctx) {
      for (const resource of CACHED) indexByNamespace(ctx.informers.for(resource as Resource<KubeObject>));
    },
    async reconcile(key, ctx): Promise<Result> {
      const quota = ctx.informers.for(resourceQuotas).get(key);
      if (!quota || quota.metadata.deletionTimestamp !== undefined) return undefined;
      const hard = quota.spec?.hard ?? {};
      const used = await recount(ctx, quota, hard);
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

const quotasNear = (object: KubeObject, ctx: ControllerContext): string[] =>
  inNamespace(ctx.informers.for(resourceQuotas), object.metadata.namespace).map((q) => keyOf(q));

/** Arrival, end, departure and resizing. */
const podMatters = (pod: Pod, old: Pod | undefined): boolean =>
  !old ||
  isTerminal(pod) !== isTerminal(old) ||
  !semanticEqual(
    pod.spec?.containers.map((c) => c.resources),
    old.spec?.containers.map((c) => c.resources),
  );

const sameSpec = (object: KubeObject, old: KubeObject | undefined): boolean =>
  old !== undefined && semanticEqual(object["spec"], old["spec"]);

/** A pod overdue in its deletion is held up by its node, not by its owner: it uses nothing any more. */
const isOverdue = (object: KubeObject, now: number): boolean =>
  object.metadata.deletionTimestamp !== undefined && Date.parse(object.metadata.deletionTimestamp) <= now;

/** The used amounts of what the quota limits, in the form of quantities; what nothing uses is "0". */
async function recount(
  ctx: ControllerContext,
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
  for (const [name, count] of await countOthers(ctx, quota.metadata.namespace ?? "", others))
    totals.set(name, quantityOf(count));
  return Object.fromEntries([...totals].map(([name, total]) => [name, formatQuantity(total)]));
}

const isCached = (name: string): boolean => CACHED.some((r) => `count/${storageNameOf(r)}` === name);

/** `count/deployments.apps` and the like, for any resource the API serves. */
async function countOthers(
  ctx: ControllerContext,
  namespace: string,
  names: readonly string[],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  if (names.length === 0) return counts;
  const resources = await discover(ctx.client, ctx.signal);
  for (const name of names) {
    const resource = resources.find((r) => `count/${storageNameOf(r)}` === name);
    if (!resource?.namespaced) continue;
    const page = await ctx.client.list(resource, { namespace, limit: 1, signal: ctx.signal });
    counts.set(name, page.items.length + (page.metadata.remainingItemCount ?? 0));
  }
  return counts;
}
