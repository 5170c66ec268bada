import { ApiError, badRequest, conflict, invalid } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { applyConfiguration } from "../patch/apply.ts";
import { isObject } from "../patch/json.ts";
import type { ApiResponse } from "../request.ts";
import { parseYaml } from "../schema/body.ts";
import type { CachedObject } from "../watch/cache.ts";
import { checkNamespace } from "./create.ts";
import { createObject } from "./create-object.ts";
import { path, required } from "./field.ts";
import { fieldWriter } from "./managed-fields.ts";
import type { WriteOptions } from "./options.ts";
import { checkType, decodeBody, fromStorage, toStorage } from "./read-body.ts";
import { groupResource, type Call, type Registry } from "./registry.ts";
import { respondObject } from "./respond.ts";
import { updateObject } from "./update-object.ts";

/** A server-side apply: an object that does not exist is created. */
export async function apply(registry: Registry, call: Call, options: WriteOptions): Promise<ApiResponse> {
  const { request, served, info, user, warn } = call;
  const config = readApplied(call, options);
  const namespace = checkNamespace(call, config);
  const common = {
    served,
    namespace,
    user,
    warn,
    dryRun: options.dryRun,
    fieldManager: options.fieldManager,
    options: options.given,
    tracked: true,
  };
  const merged = (live: KubeObject | undefined): KubeObject =>
    merge(registry, call, { options, config, live });
  for (let attempt = 1; ; attempt++) {
    try {
      const { item } = await updateObject(registry, {
        ...common,
        name: info.name,
        subresource: info.subresource,
        retry: true,
        change: (current: CachedObject) => merged(fromStorage(served, current.object)),
      });
      return respondObject(request, served, item);
    } catch (error) {
      if (!isReason(error, "NotFound") || info.subresource) throw error;
    }
    // Checked as a whole first: the configuration is still what the client sent.
    const fresh = merged(undefined);
    if (config.metadata.uid) throw uidOfNothing(call, config.metadata.uid);
    try {
      return respondObject(request, served, await createObject(registry, common, fresh), 201);
    } catch (error) {
      // Created by somebody else in between: apply to that.
      if (!isReason(error, "AlreadyExists") || attempt === 5) throw error;
    }
  }
}

const isReason = (error: unknown, reason: string): boolean =>
  error instanceof ApiError && error.reason === reason;

const managerRequired = (): ApiError =>
  invalid("meta.k8s.io", "PatchOptions", "", [required(path("fieldManager"), "is required for apply patch")]);

const uidOfNothing = ({ served, info }: Call, uid: string): ApiError =>
  conflict(
    groupResource(served.kind),
    info.name,
    `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  );

interface Configuration {
  readonly config: KubeObject;
  readonly duplicates: readonly string[];
}

/**
 * The applied configuration as a plain object, with the name of the path. What it says twice is refused or warned of as the
 * options ask. @throws ApiError 400, 422
 */
export function readApplied(call: Call, options: WriteOptions): KubeObject {
  if (!call.request.query.get("fieldManager")) throw managerRequired();
  const { config, duplicates } = readConfiguration(call);
  if (options.fieldValidation === "Strict" && duplicates[0])
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${duplicates[0]}`);
  if (options.fieldValidation === "Warn")
    for (const problem of duplicates) call.warn(`error converting YAML to JSON: ${problem}`);
  return config;
}

function readConfiguration({ request, info }: Call): Configuration {
  const { body } = request;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  const { value, duplicates } = parseYaml(text, true);
  if (!isObject(value)) throw badRequest("error decoding YAML: expected an object");
  const metadata = isObject(value["metadata"]) ? value["metadata"] : {};
  const given: unknown = metadata["name"];
  if (given !== undefined && given !== info.name) {
    const shown = typeof given === "string" ? given : JSON.stringify(given);
    throw badRequest(`the name of the object (${shown}) does not match the name on the URL (${info.name})`);
  }
  return { config: { ...value, metadata: { ...metadata, name: info.name } }, duplicates };
}

interface Merging {
  readonly options: WriteOptions;
  readonly config: KubeObject;
  readonly live: KubeObject | undefined;
}

/** What applying a configuration makes of the live object, in the stored version. @throws ApiError 400, 409 */
export function merge(registry: Registry, call: Call, { options, config, live }: Merging): KubeObject {
  const { served, info, warn } = call;
  const writer = fieldWriter(registry.resources, served, {
    manager: options.fieldManager,
    subresource: info.subresource,
    now: registry.now(),
  });
  checkType(config, served, { resources: registry.resources, warn });
  const { object } = applyConfiguration(served.node, live, config, {
    ...writer,
    force: options.force,
  });
  const parsed = { value: object, duplicates: [] };
  return toStorage(served, decodeBody(parsed, served, "Ignore", { resources: registry.resources, warn }));
}
