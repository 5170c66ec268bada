import { ApiError, badRequest } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ApiResponse } from "../request.ts";
import { checkNamespace } from "./create.ts";
import { createObject } from "./create-object.ts";
import { writeOptions } from "./options.ts";
import { readBody, toStorage } from "./read-body.ts";
import type { Call, Registry } from "./registry.ts";
import { respondObject } from "./respond.ts";
import { clone } from "../patch/json.ts";
import { updateObject } from "./update-object.ts";

/** PUT of an object or of one of its subresources. */
export async function update(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, served, info, user, warn } = call;
  const { kind } = served;
  const options = writeOptions(request, "UpdateOptions");
  const body = readBody(request, served, options.fieldValidation, { resources: registry.resources, warn });
  const namespace = checkNamespace(call, body);
  checkName(call, body);
  const object = toStorage(served, body);
  const { resourceVersion } = object.metadata;
  const common = {
    served,
    namespace,
    user,
    warn,
    dryRun: options.dryRun,
    fieldManager: options.fieldManager,
    options: options.given,
  };
  try {
    const { item } = await updateObject(registry, {
      ...common,
      name: info.name,
      subresource: info.subresource,
      change: () => clone(object),
      retry: !isSet(resourceVersion) && kind.unconditionalUpdate !== false,
    });
    return respondObject(request, served, item);
  } catch (error) {
    const missing = error instanceof ApiError && error.reason === "NotFound";
    if (!missing || !kind.createOnUpdate || info.subresource || isSet(resourceVersion)) throw error;
    delete object.metadata.resourceVersion;
    return respondObject(request, served, await createObject(registry, common, object), 201);
  }
}

const isSet = (version: string | undefined): boolean =>
  version !== undefined && version !== "" && version !== "0";

/** The name in the body is the one in the path. @throws ApiError 400 */
function checkName({ info }: Call, body: KubeObject): void {
  const { name } = body.metadata;
  if (!name)
    throw badRequest(
      "the name of the object (based on its metadata) must be specified: name must be provided",
    );
  if (name !== info.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${info.name})`);
  }
}
