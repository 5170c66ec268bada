import { notFound } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../request.ts";
import type { CachedObject } from "../watch/cache.ts";
import { parseVersion } from "./list.ts";
import { loadItem } from "./custom.ts";
import { groupResource, keyFor, readConsistent, type Call, type Registry } from "./registry.ts";
import { respondObject } from "./respond.ts";

/** GET of one object. */
export async function get(registry: Registry, call: Call): Promise<ApiResponse> {
  const version = call.request.query.get("resourceVersion") ?? "";
  return respondObject(call.request, call.served, await readNamed(registry, call, version));
}

/** The object that the path names: the newest, or one not older than `version`. @throws ApiError 404 */
export async function readNamed(registry: Registry, call: Call, version = ""): Promise<CachedObject> {
  const { kind } = call.served;
  const key = keyFor(kind, call.info.namespace, call.info.name);
  let found: CachedObject | undefined;
  if (version === "") found = await readConsistent(registry, key);
  else {
    const revision = parseVersion(version);
    if (revision > 0) await registry.cache.waitFor(revision);
    found = registry.cache.get(key);
  }
  if (!found) throw notFound(groupResource(kind), call.info.name);
  return loadItem(kind, found);
}
