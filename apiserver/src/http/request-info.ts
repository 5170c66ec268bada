import type { RequestInfo } from "../request.ts";

const verbs: Readonly<Record<string, string>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** Subresources that a namespace has itself; any other word after its name is a namespaced resource. */
const namespaceSubresources = new Set(["status", "finalize"]);

const nonResource = (method: string, path: string): RequestInfo => ({
  isResource: false,
  verb: method.toLowerCase(),
  path,
  group: "",
  version: "",
  resource: "",
  subresource: "",
  namespace: "",
  name: "",
});

const truthy = (value: string | null): boolean =>
  value !== null && value !== "false" && value !== "0" && value !== "False";

/** The name that `fieldSelector=metadata.name=x` singles out, so that a list of one is authorized by name. */
function selectedName(query: URLSearchParams): string {
  const selector = query.get("fieldSelector");
  if (!selector) return "";
  for (const term of selector.split(",")) {
    const match = /^metadata\.name==?([^=!]+)$/.exec(term);
    if (match?.[1]) return match[1];
  }
  return "";
}

/** Takes an API path apart: `/api/v1/namespaces/default/pods/web/log` → get, pods, log, default, web. */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const parts = path.split("/");
  // A leading slash makes the first part empty; a trailing one the last.
  parts.shift();
  if (parts.at(-1) === "") parts.pop();
  const prefix = parts.shift();
  if (prefix !== "api" && prefix !== "apis") return nonResource(method, path);
  const group = prefix === "apis" ? parts.shift() : "";
  const version = parts.shift();
  if (group === undefined || version === undefined || parts.length === 0) return nonResource(method, path);

  let verb = verbs[method] ?? method.toLowerCase();
  let oldWatch = false;
  if (parts[0] === "watch") {
    parts.shift();
    oldWatch = true;
  }
  let namespace = "";
  let rest = parts;
  if (parts[0] === "namespaces" && parts.length > 1) {
    namespace = parts[1] ?? "";
    if (parts.length > 2 && !namespaceSubresources.has(parts[2] ?? "")) rest = parts.slice(2);
  }
  const [resource = "", pathName = "", subresource = "", ...subpath] = rest;
  let name = pathName;
  if (verb === "delete" && name === "") verb = "deletecollection";
  if (verb === "get" && (name === "" || oldWatch)) {
    const watching = oldWatch || truthy(query.get("watch"));
    verb = watching ? "watch" : "list";
    if (name === "") name = selectedName(query);
  }
  const fieldSelector = query.get("fieldSelector");
  return {
    isResource: true,
    verb,
    path,
    group,
    version,
    resource,
    subresource,
    namespace,
    name,
    ...(fieldSelector ? { fieldSelector } : {}),
    ...(subpath.length > 0 ? { subpath: subpath.join("/") + (path.endsWith("/") ? "/" : "") } : {}),
  };
}
