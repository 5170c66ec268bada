import type { ClusterRole, PolicyRule } from "@coracle/shared/api/generated/rbac-v1.ts";
import { clusterRoles } from "@coracle/shared/api/resources.ts";
import { defineController, type Controller, type Result } from "@coracle/shared/controller/controller.ts";
import { selectorFromObject } from "@coracle/shared/meta/labels.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { canonicalJson, semanticEqual } from "../canonical.ts";

/** The rules of all roles the selectors choose, in order of name, each rule once. Pure. */
export function aggregate(role: ClusterRole, all: Iterable<ClusterRole>): PolicyRule[] {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map((s) => selectorFromObject(s));
  const chosen = [...all]
    .filter((r) => r.metadata.name !== role.metadata.name)
    .filter((r) => selectors.some((s) => s.matches(r.metadata.labels)))
    .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  const rules = new Map<string, PolicyRule>();
  for (const rule of chosen.flatMap((r) => r.rules ?? [])) rules.set(canonicalJson(rule), rule);
  return [...rules.values()];
}

/** Fills aggregated ClusterRoles with the rules of the roles their selectors choose. */
export const clusterRoleAggregationController = (): Controller =>
  defineController({
    name: "clusterrole-aggregation",
    for: clusterRoles,
    watches: [
      {
        resource: clusterRoles,
        keys: (role, old, ctx) => {
          if (old && semanticEqual(role["rules"], old["rules"]) && sameLabels(role, old)) return [];
          return [...ctx.informers.for(clusterRoles).list()]
            .filter((r) => r.aggregationRule !== undefined)
            .map((r) => keyOf(r));
        },
      },
    ],
    async reconcile(key, ctx): Promise<Result> {
      const role = ctx.informers.for(clusterRoles).get(key);
      if (!role?.aggregationRule) return;
      const rules = aggregate(role, ctx.informers.for(clusterRoles).list());
      if (semanticEqual(rules, role.rules ?? [])) return;
      await ctx.client.update(clusterRoles, { ...role, rules }, { signal: ctx.signal });
    },
  });

const sameLabels = (a: KubeObject, b: KubeObject): boolean =>
  semanticEqual(a.metadata.labels, b.metadata.labels);
