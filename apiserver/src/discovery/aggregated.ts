import type { Kind } from "../registry/kind.ts";
import { inVersion, subresourcesOf, verbsOf, type ServedGroup } from "./groups.ts";

/** APIGroupDiscoveryList: all of discovery in one document, the core group under `/api`, the others under `/apis`. */
export function aggregated(groups: readonly ServedGroup[], path: string, version: string): object {
  const wanted = groups.filter((group) => (path === "/api") === (group.name === ""));
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: wanted.map(groupItem),
  };
}

const groupItem = (group: ServedGroup): object => ({
  metadata: { name: group.name || undefined, creationTimestamp: null },
  versions: group.versions.map((version) => ({
    version,
    freshness: group.kinds.some((kind) => kind.perVersion?.[version]?.remote?.isStale) ? "Stale" : "Current",
    resources: group.kinds
      .filter((kind) => kind.versions.includes(version))
      .toSorted((a, b) => (a.plural < b.plural ? -1 : 1))
      .map((kind) => resourceItem(kind, version)),
  })),
});

function resourceItem(inGeneral: Kind, version: string): object {
  const kind = inVersion(inGeneral, version);
  const subresources = subresourcesOf(kind, version);
  return {
    resource: kind.plural,
    responseKind: { group: kind.group, version, kind: kind.kind },
    scope: kind.namespaced ? "Namespaced" : "Cluster",
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(subresources.length > 0
      ? {
          subresources: subresources.map((subresource) => ({
            subresource: subresource.name,
            responseKind: subresource.kind,
            verbs: subresource.verbs,
          })),
        }
      : {}),
  };
}
