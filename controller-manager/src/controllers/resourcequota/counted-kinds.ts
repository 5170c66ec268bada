import { storageNameOf } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { discover, isEvents, supports, type Discovered } from "../../discovery.ts";

/** Counts objects of any kind the API serves, for `count/deployments.apps` and the like. */
export interface CountedKinds {
  count(ctx: ControllerContext, namespace: string, names: readonly string[]): Promise<Map<string, number>>;
}

const quotaName = (resource: Discovered): string => `count/${storageNameOf(resource)}`;

/**
 * A kind that is counted once is followed from then on: `changed` is called when an object of it comes or goes. Its cache is the
 * garbage collector's, so that following costs nothing.
 */
export function createCountedKinds(changed: (object: KubeObject, name: string) => void): CountedKinds {
  const followed = new Set<string>();
  const follow = async (ctx: ControllerContext, resource: Discovered): Promise<void> => {
    const name = quotaName(resource);
    if (followed.has(name) || isEvents(resource) || !supports(resource, "list", "watch")) return;
    followed.add(name);
    const informer = ctx.informers.for<KubeObject>(resource);
    informer.on({ add: (o) => changed(o, name), delete: (o) => changed(o, name) });
    await informer.synced(ctx.signal);
  };
  return {
    async count(ctx, namespace, names) {
      const counts = new Map<string, number>();
      if (names.length === 0) return counts;
      const resources = await discover(ctx.client, ctx.signal);
      for (const name of names) {
        const resource = resources.find((r) => quotaName(r) === name);
        if (!resource?.namespaced) continue;
        // First followed, then counted: what comes between is not missed.
        await follow(ctx, resource);
        const page = await ctx.client.list(resource, { namespace, limit: 1, signal: ctx.signal });
        counts.set(name, page.items.length + (page.metadata.remainingItemCount ?? 0));
      }
      return counts;
    },
  };
}
