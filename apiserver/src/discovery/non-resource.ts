import type { NonResourceHandler } from "../http/pipeline.ts";
import type { Registry } from "../registry/registry.ts";
import { respondWith } from "../registry/respond.ts";
import type { ApiRequest, ApiResponse, UserInfo } from "../request.ts";
import { createDiscovery } from "./discovery.ts";
import type { OpenApiDocuments } from "./openapi.ts";
import { version } from "./version.ts";

/** One path, or all below one that ends in `/`. */
export type PathHandler = (
  request: ApiRequest,
  user: UserInfo,
) => ApiResponse | Promise<ApiResponse> | undefined;

export interface NonResourceParts {
  readonly registry: Registry;
  readonly openApi: OpenApiDocuments;
  /** Further paths: health, metrics, the token issuer's keys, what a component asks for. */
  readonly paths: ReadonlyMap<string, PathHandler>;
  /** `host:port` at which clients reach this server. */
  readonly serverAddress?: string | undefined;
}

/** Everything outside of the resource paths: discovery, version, health, the list of paths. */
export function createNonResource({
  registry,
  openApi,
  paths,
  serverAddress,
}: NonResourceParts): NonResourceHandler {
  const discovery = createDiscovery(registry.resources, serverAddress);
  return (request, user) => {
    const path =
      request.path.length > 1 && request.path.endsWith("/") ? request.path.slice(0, -1) : request.path;
    const special = paths.get(path) ?? below(paths, path);
    if (special) return special(request, user);
    if (request.method !== "GET" && request.method !== "HEAD") return undefined;
    if (path === "/") return respondWith(request, { paths: allPaths(registry, paths) });
    if (path === "/version") return respondWith(request, version);
    return discovery(request, path) ?? openApi(request, path);
  };
}

/** `/healthz/` serves `/healthz/etcd`. */
function below(paths: ReadonlyMap<string, PathHandler>, path: string): PathHandler | undefined {
  const slash = path.indexOf("/", 1);
  return slash < 0 ? undefined : paths.get(path.slice(0, slash + 1));
}

function allPaths(registry: Registry, paths: ReadonlyMap<string, PathHandler>): string[] {
  const found = new Set(["/api", "/apis", "/openapi/v2", "/openapi/v3", "/version", ...paths.keys()]);
  for (const kind of registry.resources.kinds()) {
    for (const version of kind.versions) {
      if (kind.group === "") found.add(`/api/${version}`);
      else found.add(`/apis/${kind.group}`).add(`/apis/${kind.group}/${version}`);
    }
  }
  return [...found].filter((path) => !path.endsWith("/")).toSorted();
}
