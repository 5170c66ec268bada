import { pathNotFound } from "@coracle/shared/errors.ts";
import { create } from "./create.ts";
import { remove } from "./delete.ts";
import { deleteCollection } from "./deletecollection.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { patch } from "./patch.ts";
import { allVerbs, methodNotServed, type Handler } from "./handler.ts";
import type { Call } from "./registry.ts";
import { subresourceHandler } from "./subresources/index.ts";
import { update } from "./update.ts";
import { virtualHandler } from "./virtual/index.ts";
import { watch } from "./watch.ts";

const handlers: Readonly<Record<string, Handler>> = {
  create,
  delete: remove,
  deletecollection: deleteCollection,
  get,
  list,
  patch,
  update,
  watch,
};
const onCollections = new Set(["create", "list", "deletecollection"]);

/** The verb's code for a request. @throws ApiError 404, 405 */
export function route(call: Call): Handler {
  const { info, served } = call;
  if (info.subresource) return subresourceHandler(call);
  const handler = virtualHandler(served.kind, info.verb) ?? handlers[info.verb];
  if (!handler || !(served.kind.verbs ?? allVerbs).includes(info.verb)) throw methodNotServed();
  // The path names an object exactly for the verbs that work on one; a watch may do either.
  const named = call.pathHasName;
  if (info.verb !== "watch" && onCollections.has(info.verb) === named) throw methodNotServed();
  if (served.kind.namespaced && !info.namespace && (named || info.verb === "create")) throw pathNotFound();
  return handler;
}
