import { createHash } from "node:crypto";
import type { Kind } from "../registry/kind.ts";
import { allVerbs } from "../registry/handler.ts";
import { subresourceOf } from "../registry/subresources/index.ts";

/** An API group and the kinds in it. */
export interface ServedGroup {
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly string[];
  readonly kinds: readonly Kind[];
}

/** Upstream's order of the groups that clients look through for a short or ambiguous name. */
const order = [
  "",
  "apiregistration.k8s.io",
  "apps",
  "events.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "autoscaling",
  "batch",
  "certificates.k8s.io",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "scheduling.k8s.io",
  "coordination.k8s.io",
  "node.k8s.io",
  "discovery.k8s.io",
  "flowcontrol.apiserver.k8s.io",
  "resource.k8s.io",
];
const rank = (group: string): number => {
  const at = order.indexOf(group);
  return at < 0 ? order.length : at;
};
/** Of groups that definitions make. */
const customPriority = 1000;

const priorityOf = ({ kinds }: ServedGroup): number =>
  Math.max(...kinds.map((kind) => kind.remote?.groupPriority ?? customPriority));

/** Groups of the kinds, in the order of discovery. */
export function groupsOf(kinds: readonly Kind[]): ServedGroup[] {
  return [...Map.groupBy(kinds, (kind) => kind.group)]
    .map(([name, members]) => ({ name, versions: versionsOf(members), kinds: members }))
    .toSorted(
      (a, b) => rank(a.name) - rank(b.name) || priorityOf(b) - priorityOf(a) || (a.name < b.name ? -1 : 1),
    );
}

/** The preferred one first: as an extension's registration says, or else the newest. */
function versionsOf(members: readonly Kind[]): string[] {
  const priority = (version: string): number =>
    Math.max(...members.map((kind) => kind.perVersion?.[version]?.remote?.versionPriority ?? 0));
  const versions = [...new Set(members.flatMap((kind) => kind.versions))];
  return versions.toSorted((a, b) => priority(b) - priority(a) || newestFirst(a, b));
}

/** GA before beta before alpha, then by number: `v2`, `v1`, `v1beta1`. */
export function newestFirst(a: string, b: string): number {
  const [x, y] = [versionRank(a), versionRank(b)];
  for (let i = 0; i < x.length; i++) {
    const difference = (y[i] ?? 0) - (x[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : 1;
}

function versionRank(version: string): number[] {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (!match) return [-1, 0, 0];
  const stage = match[2] === "alpha" ? 0 : match[2] === "beta" ? 1 : 2;
  return [stage, Number(match[1]), Number(match[3] ?? 0)];
}

export interface ServedSubresource {
  readonly name: string;
  readonly verbs: readonly string[];
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** A stream or a proxy: it has no body of its own. */
  readonly connect: boolean;
}

/** A kind as one of its versions has it. */
export const inVersion = (kind: Kind, version: string): Kind => kind.perVersion?.[version] ?? kind;

/** A kind's subresources in one version, as discovery shows them. */
export function subresourcesOf(inGeneral: Kind, version: string): ServedSubresource[] {
  const kind = inVersion(inGeneral, version);
  if (kind.remote) return kind.remote.subresources.map((its) => ({ ...its, connect: false }));
  const names = [
    ...(kind.status ? ["status"] : []),
    ...(kind.scale ? ["scale"] : []),
    ...(kind.subresources ?? []),
  ];
  const parent = { group: kind.group, version, kind: kind.kind };
  return [...new Set(names)].toSorted().flatMap((name) => {
    const subresource = subresourceOf(kind, name);
    return subresource
      ? [
          {
            name,
            // A proxy takes OPTIONS too, for which there is no verb.
            verbs: Object.keys(subresource.verbs)
              .filter((verb) => allVerbs.includes(verb))
              .toSorted(),
            kind: subresource.kind ?? parent,
            connect: subresource.connect === true,
          },
        ]
      : [];
  });
}

/** Whether a kind has this subresource in one version. */
export function hasSubresource(inGeneral: Kind, version: string, name: string): boolean {
  const kind = inVersion(inGeneral, version);
  if (kind.remote) return kind.remote.subresources.some((its) => its.name === name);
  if (name === "status") return kind.status;
  if (name === "scale") return Boolean(kind.scale);
  return kind.subresources?.includes(name) ?? false;
}

/** Of a kind that is going, what there still is can be read and deleted. */
const verbsOfLeaving = ["delete", "deletecollection", "get", "list", "watch"];

export const verbsOf = (kind: Kind): readonly string[] =>
  kind.custom?.closed() ? verbsOfLeaving : (kind.verbs ?? allVerbs).toSorted();

const storageHash = (kind: Kind): string => {
  const stored = `${kind.group}/${kind.storageVersion}/${kind.kind}`;
  return createHash("sha256").update(stored).digest().subarray(0, 8).toString("base64");
};

/** `/apis/<group>/<version>`: the resources of one version. */
export function resourceList(group: ServedGroup, version: string): object {
  const resources = group.kinds
    .filter((kind) => kind.versions.includes(version))
    .toSorted((a, b) => (a.plural < b.plural ? -1 : 1))
    .flatMap((kind) => [
      apiResource(kind),
      ...subresourcesOf(kind, version).map((s) => apiSubresource(kind, version, s)),
    ]);
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: group.name ? `${group.name}/${version}` : version,
    resources,
  };
}

const apiResource = (kind: Kind): object => ({
  name: kind.plural,
  singularName: kind.singular,
  namespaced: kind.namespaced,
  kind: kind.kind,
  verbs: verbsOf(kind),
  ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
  ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
  ...(verbsOf(kind).includes("list") ? { storageVersionHash: storageHash(kind) } : {}),
});

function apiSubresource(kind: Kind, version: string, subresource: ServedSubresource): object {
  const { group, version: itsVersion, kind: itsKind } = subresource.kind;
  const other = group !== kind.group || itsVersion !== version;
  return {
    name: `${kind.plural}/${subresource.name}`,
    singularName: "",
    namespaced: kind.namespaced,
    ...(other ? { group, version: itsVersion } : {}),
    kind: itsKind,
    verbs: subresource.verbs,
  };
}
