/** What a request to the kubelet's own port asks leave for (kubelet authorization; KEP-2862 for the finer subresources). Pure. */

const verbs: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

export interface Asked {
  readonly verb: string;
  /** Of `nodes`: one of them is enough. */
  readonly subresources: readonly string[];
}

const areas: readonly (readonly [string, string])[] = [
  ["/stats", "stats"],
  ["/metrics", "metrics"],
  ["/logs", "log"],
  ["/checkpoint", "checkpoint"],
];
const finer: Readonly<Record<string, string>> = {
  "/pods": "pods",
  "/runningpods": "pods",
  "/healthz": "healthz",
  "/configz": "configz",
};

const isBelow = (path: string, area: string): boolean => path === area || path.startsWith(`${area}/`);

/** @param path without the query */
export function askedOf(method: string, path: string): Asked {
  const verb = verbs[method] ?? "";
  const area = areas.find(([prefix]) => isBelow(path, prefix))?.[1];
  if (area) return { verb, subresources: [area] };
  const [, fine] = Object.entries(finer).find(([prefix]) => isBelow(path, prefix)) ?? [];
  return { verb, subresources: fine ? [fine, "proxy"] : ["proxy"] };
}
