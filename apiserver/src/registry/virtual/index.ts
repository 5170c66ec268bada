import { methodNotServed, type Handler } from "../handler.ts";
import type { Kind } from "../kind.ts";
import { bind, bindingBody } from "../subresources/binding.ts";
import { accessReviews } from "./access-reviews.ts";
import { componentStatuses } from "./component-statuses.ts";
import { identityReviews } from "./identity-reviews.ts";
import { metrics } from "./metrics.ts";
import { readHandler } from "./read.ts";
import type { VirtualKind } from "./virtual-kind.ts";

const bindings: VirtualKind = { kind: { ...bindingBody.kind, verbs: ["create"] }, create: bind };

const all: readonly VirtualKind[] = [
  bindings,
  componentStatuses,
  ...identityReviews,
  ...accessReviews,
  ...metrics,
];
const byStorage = new Map(all.map((virtual) => [virtual.kind.storage, virtual]));

/** Kinds that the API serves without storing anything. */
export const virtualKinds: readonly Kind[] = all.map((virtual) => virtual.kind);

/** The code of a verb on a kind that is not stored; undefined for a stored kind. */
export function virtualHandler(kind: Kind, verb: string): Handler | undefined {
  const virtual = byStorage.get(kind.storage);
  if (!virtual) return undefined;
  if (verb === "create" && virtual.create) return virtual.create;
  if (!virtual.objects) throw methodNotServed();
  return readHandler(verb, virtual.objects);
}
