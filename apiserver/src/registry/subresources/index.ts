import { pathNotFound } from "@coracle/shared/errors.ts";
import { get } from "../get.ts";
import { methodNotServed, type Handler } from "../handler.ts";
import type { Kind } from "../kind.ts";
import { patch } from "../patch.ts";
import type { Call } from "../registry.ts";
import { update } from "../update.ts";
import { bind } from "./binding.ts";
import { eviction } from "./eviction.ts";
import { log } from "./log.ts";
import { nodeProxy, podProxy, serviceProxy } from "./proxy/proxy.ts";
import { scale } from "./scale.ts";
import { attach, exec, portforward } from "./streams.ts";
import type { Subresource } from "./subresource.ts";
import { token } from "./token.ts";

/** Read and written like the object itself, with rules of its own. */
const asObject: Subresource = { verbs: { get, patch, update } };

const special: Readonly<Record<string, Subresource>> = {
  "certificatesigningrequests.certificates.k8s.io/approval": asObject,
  "namespaces/finalize": { verbs: { update } },
  "nodes/proxy": nodeProxy,
  "pods/attach": attach,
  "pods/binding": { verbs: { create: bind }, kind: { group: "", version: "v1", kind: "Binding" } },
  "pods/ephemeralcontainers": asObject,
  "pods/eviction": eviction,
  "pods/exec": exec,
  "pods/log": log,
  "pods/portforward": portforward,
  "pods/proxy": podProxy,
  "pods/resize": asObject,
  "serviceaccounts/token": token,
  "services/proxy": serviceProxy,
};

/** The subresource of a kind by its name; undefined when it has none. */
export function subresourceOf(kind: Kind, name: string): Subresource | undefined {
  if (name === "status") return kind.status ? asObject : undefined;
  if (name === "scale") return kind.scale ? scale : undefined;
  return special[`${kind.storage}/${name}`];
}

/** @throws ApiError 404, 405 */
export function subresourceHandler({ served, info, pathHasName }: Call): Handler {
  const subresource = subresourceOf(served.kind, info.subresource);
  if (!subresource || !pathHasName) throw pathNotFound();
  const handler = subresource.verbs[info.verb];
  if (!handler) throw methodNotServed();
  return handler;
}
