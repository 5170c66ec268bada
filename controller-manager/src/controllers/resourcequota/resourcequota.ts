import type { Pod, ResourceQuota } from "@coracle/shared/api/generated/core-v1.ts";
import {
  configMaps,
  persistentVolumeClaims,
  pods,
  replicationControllers,
  resourceQuotas,
  secrets,
  services,
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
import { semanticEqual } from "../../canonical.ts";
import { discover } from "../../discovery.ts";
import { indexByNamespace, inNamespace } from "../../ownership/index-by.ts";
import {
  claimUsage,
  podInScopes,
  podUsage,
  scopesOf,
  serviceUsage,
  usedOf,
  usesQuota,
  type Usage,
} from "./usage.ts";

/** Objects that are counted and nothing else, under these names. */
const COUNTED: Readonly<Record<string, Resource<KubeObject>>> = {
  configmaps: configMaps as Resource<unknown> as Resource<KubeObject>,
  secrets: secrets as Resource<unknown> as Resource<KubeObject>,
  replicationcontrollers: replicationControllers as Resource<unknown> as Resource<KubeObject>,
  resourcequotas: resourceQuotas as Resource<unknown> as Resource<KubeObject>,
};

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
        keys: (pod, old, ctx) => (podMatters(pod as Pod, old as Pod | undefined) ? quotasNear(pod, ctx) : []),
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
      for (const resource of [pods, services, persistentVolumeClaims] as const)
        indexByNamespace(ctx.informers.for(resource as Resource<KubeObject>));
      for (const resource of Object.values(COUNTED)) indexByNamespace(ctx.informers.for(resource));
    },
    async reconcile(key, ctx): Promise<Result> {
      const quota = ctx.informers.for(resourceQuotas).get(key);
      if (!quota || quota.metadata.deletionTimestamp !== undefined) return undefined;
      const hard = quota.spec?.hard ?? {};
      const used = usedOf(hard, await usages(ctx, quota, hard));
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

async function usages(
  ctx: ControllerContext,
  quota: ResourceQuota,
  hard: Readonly<Record<string, string>>,
): Promise<Usage[]> {
  const { namespace } = quota.metadata;
  const scopes = scopesOf(quota);
  const now = ctx.clock.now();
  const used: Usage[] = inNamespace(ctx.informers.for(pods), namespace)
    .filter((pod) => usesQuota(pod, now) && podInScopes(pod, scopes))
    .map(podUsage);
  // Scopes are about pods: a quota with scopes counts nothing else.
  if (scopes.length > 0) return used;
  used.push(...inNamespace(ctx.informers.for(services), namespace).map(serviceUsage));
  used.push(...inNamespace(ctx.informers.for(persistentVolumeClaims), namespace).map(claimUsage));
  for (const [name, resource] of Object.entries(COUNTED)) {
    const count = inNamespace(ctx.informers.for(resource), namespace).length;
    used.push({ [name]: count, [`count/${name}`]: count });
  }
  const known = new Set(used.flatMap((u) => Object.keys(u)));
  const others = Object.keys(hard).filter((name) => name.startsWith("count/") && !known.has(name));
  if (others.length > 0) used.push(await countOthers(ctx, namespace ?? "", others));
  return used;
}

/** `count/deployments.apps` and the like, for any resource the API serves. */
async function countOthers(
  ctx: ControllerContext,
  namespace: string,
  names: readonly string[],
): Promise<Usage> {
  const resources = await discover(ctx.client, ctx.signal);
  const usage: Usage = {};
  for (const name of names) {
    const resource = resources.find((r) => `count/${r.plural}${r.group ? `.${r.group}` : ""}` === name);
    if (!resource?.namespaced) continue;
    const page = await ctx.client.list(resource, { namespace, limit: 1, signal: ctx.signal });
    usage[name] = page.items.length + (page.metadata.remainingItemCount ?? 0);
  }
  return usage;
}
