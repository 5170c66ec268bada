import type { ApiResponse } from "../request.ts";
import { deletionOf, type Deletion } from "./delete-options.ts";
import { deleteObject, type DeleteResult } from "./delete-object.ts";
import type { Call, Registry } from "./registry.ts";
import { respondObject, respondWith } from "./respond.ts";

/** DELETE of one object. */
export async function remove(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, served, info, user, warn } = call;
  const deletion = deletionOf(request);
  warnOfDefault(call, deletion);
  const namespace = served.kind.namespaced ? info.namespace : "";
  const result = await deleteObject(registry, { served, namespace, name: info.name, user, deletion, warn });
  const response = respondDeleted(call, result);
  return deletion.cascading && !result.removed ? { ...response, status: 202 } : response;
}

/** Where dependents are not treated as most clients expect. */
export function warnOfDefault({ served, warn }: Call, { propagation }: Deletion): void {
  const { propagationWarning } = served.kind;
  if (propagationWarning && propagation === undefined) warn(propagationWarning);
}

/** The object while something still holds it, and `Success` once it is gone (or the object, for kinds that say so). */
export function respondDeleted({ request, served }: Call, { item, removed }: DeleteResult): ApiResponse {
  if (!removed || served.kind.returnDeleted) return respondObject(request, served, item);
  const { kind } = served;
  return respondWith(request, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: {
      name: item.key.name,
      ...(kind.group ? { group: kind.group } : {}),
      kind: kind.plural,
      uid: item.object.metadata.uid,
    },
  });
}
