import type { ObjectMeta, ListMeta } from "../api/generated/meta-v1.ts";

/** Any Kubernetes object, seen without knowledge of its kind. */
export interface KubeObject {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export interface KubeList<T> {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: T[];
}

/** `namespace/name`, or `name` for cluster scope: the key of caches and work queues. */
export const keyOf = (object: {
  metadata: { name?: string | undefined; namespace?: string | undefined };
}): string =>
  object.metadata.namespace
    ? `${object.metadata.namespace}/${object.metadata.name ?? ""}`
    : (object.metadata.name ?? "");

export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return slash < 0
    ? { namespace: "", name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
