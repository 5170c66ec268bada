import type { NonResourceHandler } from "../http/pipeline.ts";
import type { Registry } from "../registry/registry.ts";
import { respondWith } from "../registry/respond.ts";
import { createDiscovery } from "./discovery.ts";
import { version } from "./version.ts";

/** Everything outside of the resource paths: discovery, version, health, the list of paths. */
export function createNonResource(registry: Registry): NonResourceHandler {
  const discovery = createDiscovery(registry.resources);
  return (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return undefined;
    const path =
      request.path.length > 1 && request.path.endsWith("/") ? request.path.slice(0, -1) : request.path;
    const found = discovery(request, path);
    if (found) return found;
    if (path === "/version") return respondWith(request, version);
    return undefined;
  };
}
