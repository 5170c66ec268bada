import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Kind } from "./kind.ts";

/** Finalizers that hold an object; a namespace has some of its own in `spec`. */
export function pendingFinalizers(kind: Kind, object: KubeObject): number {
  const own = object.metadata.finalizers?.length ?? 0;
  if (kind.storage !== "namespaces") return own;
  const spec = object["spec"] as { finalizers?: unknown[] } | undefined;
  return own + (spec?.finalizers?.length ?? 0);
}
