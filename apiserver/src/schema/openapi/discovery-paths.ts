/** The paths by which a client finds out what there is. */
import { baseOf, capital, groupWord } from "./names.ts";
import type { Operation, PathDescription, ServedKind } from "./served.ts";

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

const read = (path: string, operation: Pick<Operation, "id" | "description" | "tag" | "answer">) => ({
  path,
  parameters: [],
  operations: [{ method: "get" as const, query: [], codes: [200], ...operation }],
});

/** The list of resources in a group version. */
export function versionPath({ group, version }: Pick<ServedKind, "group" | "version">): PathDescription {
  const word = groupWord(group);
  return read(`${baseOf(group, version)}/`, {
    id: `get${capital(word)}${capital(version)}APIResources`,
    description: "get available resources",
    tag: `${word}_${version}`,
    answer: `${meta}.APIResourceList`,
  });
}

/** The lists of everything, and of the groups. */
export function indexPaths(kinds: readonly ServedKind[]): PathDescription[] {
  const groups = [...new Set(kinds.map(({ group }) => group))].filter(Boolean).toSorted();
  return [
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
    ...groups.map((group) =>
      read(`/apis/${group}/`, {
        id: `get${capital(groupWord(group))}APIGroup`,
        description: "get information of a group",
        tag: groupWord(group),
        answer: `${meta}.APIGroup`,
      }),
    ),
  ];
}
