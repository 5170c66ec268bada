import type { Resource } from "../api/resources.ts";
import type { Named } from "./client.ts";

/** Where a resource lives in the API: `/api/v1/namespaces/default/pods`. */
export function collectionPath(resource: Resource<unknown>, namespace?: string): string {
  const root = resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`;
  return resource.namespaced && namespace
    ? `${root}/namespaces/${encodeURIComponent(namespace)}/${resource.plural}`
    : `${root}/${resource.plural}`;
}

export function objectPath(resource: Resource<unknown>, at: Named, subresource?: string): string {
  if (!at.name) throw new Error(`a name is required to address one of ${resource.plural}`);
  const path = `${collectionPath(resource, at.namespace)}/${encodeURIComponent(at.name)}`;
  return subresource ? `${path}/${subresource}` : path;
}

/** Appends what is set. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== "" && value !== false) params.set(name, String(value));
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}
