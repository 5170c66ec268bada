import { notFound } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ApiResponse } from "../../request.ts";
import type { CachedObject } from "../../watch/cache.ts";
import { methodNotServed, type Handler } from "../handler.ts";
import { groupResource, keyFor, type Call, type Registry } from "../registry.ts";
import { respondList, respondObject } from "../respond.ts";
import { readSelection } from "../select.ts";
import { watchEncoder } from "../watch-encoder.ts";
import type { VirtualKind } from "./virtual-kind.ts";

type Objects = NonNullable<VirtualKind["objects"]>;

/** Reads objects that are made on request. */
export function readHandler(verb: string, objects: Objects): Handler {
  switch (verb) {
    case "get":
      return async (registry, call) => {
        const found = (await items(registry, call, objects)).find((item) => item.key.name === call.info.name);
        if (!found) throw notFound(groupResource(call.served.kind), call.info.name);
        return respondObject(call.request, call.served, found);
      };
    case "list":
      return async (registry, call) => {
        const page = { revision: registry.cache.revision, items: await selected(registry, call, objects) };
        return respondList(call.request, call.served, page);
      };
    case "watch":
      return (registry, call) => watchOnce(registry, call, objects);
    default:
      throw methodNotServed();
  }
}

async function items(registry: Registry, call: Call, objects: Objects): Promise<CachedObject[]> {
  return (await objects(registry, call)).map((object) => item(registry, call, object));
}

function item(registry: Registry, { served }: Call, object: KubeObject): CachedObject {
  const { namespace = "", name = "" } = object.metadata;
  let json: Buffer | undefined;
  return {
    key: keyFor(served.kind, namespace, name),
    revision: registry.cache.revision,
    object,
    json: () => (json ??= Buffer.from(JSON.stringify(object))),
  };
}

async function selected(registry: Registry, call: Call, objects: Objects): Promise<CachedObject[]> {
  const { matches } = readSelection(call.served.kind, call.request.query, call.info.name);
  const all = await items(registry, call, objects);
  const { namespace } = call.info;
  return all.filter((i) => (!namespace || i.key.namespace === namespace) && (!matches || matches(i)));
}

/** Shows what there is; it does not change while it is watched. */
async function watchOnce(registry: Registry, call: Call, objects: Objects): Promise<ApiResponse> {
  const encoder = watchEncoder(call.request, call.served);
  const { query } = call.request;
  const revision = registry.cache.revision;
  const fresh = query.get("sendInitialEvents") === "true" || (query.get("resourceVersion") ?? "0") === "0";
  const initial = fresh ? await selected(registry, call, objects) : [];
  const seconds = Number(query.get("timeoutSeconds") ?? 0) || 1800;
  const signal = AbortSignal.any([
    call.request.signal,
    registry.stopping,
    AbortSignal.timeout(seconds * 1000),
  ]);
  async function* body(): AsyncGenerator<Buffer | string> {
    for (const each of initial) yield encoder.event("ADDED", each);
    if (query.get("sendInitialEvents") === "true") yield encoder.bookmark(revision, true);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
  return { status: 200, headers: { "content-type": encoder.contentType }, body: body() };
}
