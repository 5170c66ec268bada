/** The paths by which a client finds out what there is. */
import { version } from "../../discovery/version.ts";
import type { Json } from "./definitions.ts";
import { baseOf, capital, groupWord } from "./names.ts";
import type { Operation, PathDescription, ServedKind } from "./served.ts";

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

type Reading = Pick<Operation, "id" | "description" | "tag" | "answer" | "produces">;

const read = (path: string, operation: Reading): PathDescription => ({
  path,
  parameters: [],
  operations: [{ method: "get" as const, query: [], codes: [200], ...operation }],
});

/** The list of resources in a group version. */
export function versionPath({ group, version: its }: Pick<ServedKind, "group" | "version">): PathDescription {
  const word = groupWord(group);
  return read(`${baseOf(group, its)}/`, {
    id: `get${capital(word)}${capital(its)}APIResources`,
    description: "get available resources",
    tag: `${word}_${its}`,
    answer: `${meta}.APIResourceList`,
  });
}

/** What names a group has: the kinds of other servers and custom resources have documents of their versions alone. */
const ownGroups = (kinds: readonly ServedKind[]): string[] =>
  [
    ...new Set(
      kinds
        .filter((kind) => kind.schema === undefined && kind.remote === undefined)
        .map(({ group }) => group),
    ),
  ]
    .filter(Boolean)
    .toSorted();

/** The schema of the answer to /version, which is no kind of the API. */
export const versionInfo: { readonly name: string; readonly schema: Json } = {
  name: "io.k8s.apimachinery.pkg.version.Info",
  schema: {
    type: "object",
    properties: Object.fromEntries(Object.keys(version).map((field) => [field, { type: "string" }])),
    required: Object.keys(version).filter((field) => !/^(?:emulation|minCompat)/.test(field)),
  },
};

/** The paths that belong to no version of a group, each by the name of its document in v3. */
export function indexPaths(kinds: readonly ServedKind[]): Map<string, PathDescription> {
  const paths = [
    read("/api/", {
      id: "getCoreAPIVersions",
      description: "get available API versions",
      tag: "core",
      answer: `${meta}.APIVersions`,
    }),
    read("/apis/", {
      id: "getAPIVersions",
      description: "get available API versions",
      tag: "apis",
      answer: `${meta}.APIGroupList`,
    }),
    ...ownGroups(kinds).map((group) =>
      read(`/apis/${group}/`, {
        id: `get${capital(groupWord(group))}APIGroup`,
        description: "get information of a group",
        tag: groupWord(group),
        answer: `${meta}.APIGroup`,
      }),
    ),
    read("/version/", {
      id: "getCodeVersion",
      description: "get the version information for this server",
      tag: "version",
      answer: versionInfo.name,
      produces: ["application/json"],
    }),
    read("/.well-known/openid-configuration/", {
      id: "getServiceAccountIssuerOpenIDConfiguration",
      description: "get the OpenID configuration of who issues ServiceAccount tokens",
      tag: "WellKnown",
      answer: undefined,
      produces: ["application/json"],
    }),
    read("/openid/v1/jwks/", {
      id: "getServiceAccountIssuerOpenIDKeyset",
      description: "get the public keys that ServiceAccount tokens are verified with, as a JSON Web Key Set",
      tag: "openid",
      answer: undefined,
      produces: ["application/jwk-set+json"],
    }),
  ];
  return new Map(paths.map((path) => [path.path.slice(1, -1), path]));
}
