import { badRequest } from "@coracle/shared/errors.ts";
import { splitStorageName } from "@coracle/shared/bus/subjects.ts";
import { denied } from "../authz/denied.ts";
import type { ApiRequest, ApiResponse, RequestInfo, UserInfo } from "../request.ts";
import { changeJson, shardChanges } from "../watch/shards.ts";
import type { WatchCache } from "../watch/types.ts";

export const CHANGES_PATH = "/coracle/v1/changes";

export interface ChangesOptions {
  readonly cache: WatchCache;
  readonly authorize: (
    user: UserInfo,
    info: RequestInfo,
  ) => { readonly allowed: boolean; readonly reason?: string };
}

const WAIT_MS = 5_000;

/**
 * `GET /coracle/v1/changes?resource=pods&after=42[&shard=node-1][&atLeast=50]`: what a subscriber of the feed missed, as
 * `{revision, changes: [{type, object}]}` up to `revision`, or 410 when that is forgotten. Who may list and watch may ask.
 */
export const createChangesHandler =
  ({ cache, authorize }: ChangesOptions) =>
  async (request: ApiRequest, user: UserInfo): Promise<ApiResponse> => {
    const storage = request.query.get("resource") ?? "";
    if (!storage) throw badRequest("the query parameter resource is required");
    const after = revisionIn(request.query, "after");
    const atLeast = revisionIn(request.query, "atLeast");
    const token = request.query.get("shard");
    const shard = token === "_" ? "" : (token ?? undefined);
    check(authorize, user, storage, shard);
    if (atLeast > cache.revision) await cache.waitFor(atLeast, WAIT_MS);
    return {
      status: 200,
      headers: { "content-type": "application/json" },
      body: changes(cache, storage, after, shard),
    };
  };

function changes(cache: WatchCache, storage: string, after: number, shard: string | undefined): Buffer {
  const parts: Buffer[] = [Buffer.from(`{"revision":${cache.revision},"changes":[`)];
  for (const event of cache.changesSince(storage, after))
    for (const change of shardChanges(event)) {
      if (shard !== undefined && change.shard !== shard) continue;
      if (parts.length > 1) parts.push(COMMA);
      parts.push(changeJson(change.type, event.current));
    }
  parts.push(END);
  return Buffer.concat(parts);
}
const COMMA = Buffer.from(",");
const END = Buffer.from("]}");

function revisionIn(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? "0";
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw badRequest(`${name} must be a revision`);
  return value;
}

function check(
  authorize: ChangesOptions["authorize"],
  user: UserInfo,
  storage: string,
  shard: string | undefined,
): void {
  const { group, resource } = splitStorageName(storage);
  for (const verb of ["list", "watch"]) {
    const info: RequestInfo = {
      isResource: true,
      verb,
      path: CHANGES_PATH,
      group,
      version: "v1",
      resource,
      subresource: "",
      namespace: "",
      name: "",
      // As a list and a watch of one node's pods would be judged.
      ...(resource === "pods" && shard ? { fieldSelector: `spec.nodeName=${shard}` } : {}),
    };
    const decision = authorize(user, info);
    if (!decision.allowed) throw denied(user, info, decision.reason ?? "");
  }
}
