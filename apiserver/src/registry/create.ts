import { badRequest } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ApiResponse } from "../request.ts";
import { createObject } from "./create-object.ts";
import { writeOptions } from "./options.ts";
import { readBody, toStorage } from "./read-body.ts";
import type { Call, Registry } from "./registry.ts";
import { respondObject } from "./respond.ts";

/** POST to a collection. */
export async function create(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, served, user, warn } = call;
  const options = writeOptions(request, "CreateOptions");
  const body = readBody(request, served, options.fieldValidation, { resources: registry.resources, warn });
  const namespace = checkNamespace(call, body);
  const created = await createObject(
    registry,
    {
      served,
      namespace,
      user,
      warn,
      dryRun: options.dryRun,
      fieldManager: options.fieldManager,
      options: options.given,
    },
    toStorage(served, body),
  );
  return respondObject(request, served, created, 201);
}

/** The namespace of the path; the body may repeat it but not differ. @throws ApiError 400 */
export function checkNamespace({ served, info }: Call, body: KubeObject): string {
  const given = body.metadata.namespace ?? "";
  if (!served.kind.namespaced) {
    if (given) throw badRequest("namespace not allowed on this type");
    return "";
  }
  if (!info.namespace) throw badRequest("an empty namespace may not be set during creation");
  if (given && given !== info.namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  return info.namespace;
}
