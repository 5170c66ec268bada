import { pathNotFound } from "@coracle/shared/errors.ts";
import { get } from "../get.ts";
import { methodNotServed, type Handler } from "../handler.ts";
import type { Kind } from "../kind.ts";
import { patch } from "../patch.ts";
import type { Call } from "../registry.ts";
import { update } from "../update.ts";

/** What a subresource can do, by verb, and the kind it speaks when that is not its parent's. */
export interface Subresource {
  readonly verbs: Readonly<Record<string, Handler>>;
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string } | undefined;
  /** A stream or a proxy. */
  readonly connect?: boolean | undefined;
}

/** Read and written like the object itself, with rules of its own. */
const asObject: Subresource = { verbs: { get, patch, update } };

/** The subresource of a kind by its name; undefined when it has none. */
export function subresourceOf(kind: Kind, name: string): Subresource | undefined {
  if (name === "status") return kind.status ? asObject : undefined;
  return undefined;
}

/** @throws ApiError 404, 405 */
export function subresourceHandler({ served, info, pathHasName }: Call): Handler {
  const subresource = subresourceOf(served.kind, info.subresource);
  if (!subresource || !pathHasName) throw pathNotFound();
  const handler = subresource.verbs[info.verb];
  if (!handler) throw methodNotServed();
  return handler;
}
