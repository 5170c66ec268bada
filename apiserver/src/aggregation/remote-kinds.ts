/** Kinds of extension servers, as far as discovery shows them; requests for them go to their server. */
import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { newestFirst } from "../discovery/groups.ts";
import { isObject } from "../patch/json.ts";
import { defineKind, type Kind, type RemoteKind, type RemoteSubresource } from "../registry/kind.ts";

/** `APIResource` of an APIResourceList. */
interface Resource {
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** The resources that an extension server lists for a group and version. */
export const resourcesIn = (list: unknown): readonly Resource[] =>
  isObject(list) && Array.isArray(list["resources"])
    ? (list["resources"] as Resource[]).filter((resource) => typeof resource.name === "string")
    : [];

/** What else is known of the version that the resources are in. */
export type Shown = Pick<RemoteKind, "isStale" | "documents">;

/** The kinds of one version. */
export function remoteKinds({ spec }: APIService, all: readonly Resource[], shown: Shown): Kind[] {
  const { group = "", version = "", groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {};
  return all
    .filter((resource) => !resource.name.includes("/"))
    .map((resource) => ({
      ...defineKind<KubeObject>({
        group,
        versions: [version],
        kind: resource.kind,
        plural: resource.name,
        shortNames: [...(resource.shortNames ?? [])],
        categories: [...(resource.categories ?? [])],
        namespaced: resource.namespaced === true,
      }),
      singular: resource.singularName || resource.kind.toLowerCase(),
      verbs: [...(resource.verbs ?? [])],
      remote: {
        isStale: shown.isStale,
        documents: shown.documents,
        groupPriority: groupPriorityMinimum,
        versionPriority,
        subresources: subresourcesOf(resource, all, { group, version }),
      },
    }));
}

const subresourcesOf = (
  { name }: Resource,
  all: readonly Resource[],
  own: { readonly group: string; readonly version: string },
): RemoteSubresource[] =>
  all
    .filter((other) => other.name.startsWith(`${name}/`))
    .map(({ name: its, group, version, kind, verbs }) => ({
      name: its.slice(name.length + 1),
      verbs: (verbs ?? []).toSorted(),
      kind: { group: group || own.group, version: version || own.version, kind },
    }));

/** Kinds of one group, those of all its versions together: a resource is one kind that has several versions. */
export function combineVersions(kinds: readonly Kind[]): Kind[] {
  return [...Map.groupBy(kinds, (kind) => kind.plural).values()].flatMap((same) => {
    const sorted = same.toSorted(preferredFirst);
    const [main] = sorted;
    const versions = sorted.map((kind) => kind.storageVersion);
    const perVersion = Object.fromEntries(sorted.map((kind) => [kind.storageVersion, kind]));
    return main ? [{ ...main, versions, perVersion }] : [];
  });
}

const preferredFirst = (a: Kind, b: Kind): number =>
  (b.remote?.versionPriority ?? 0) - (a.remote?.versionPriority ?? 0) ||
  newestFirst(a.storageVersion, b.storageVersion);
