import { ApiError, badRequest, invalid, unsupportedMediaType } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { applyJsonPatch } from "../patch/json-patch.ts";
import { clone, isObject, tooDeep } from "../patch/json.ts";
import { applyMergePatch } from "../patch/merge-patch.ts";
import { applyStrategicMergePatch } from "../patch/strategic.ts";
import type { ApiResponse } from "../request.ts";
import type { CachedObject } from "../watch/cache.ts";
import { apply } from "./apply.ts";
import { invalidValue, path } from "./field.ts";
import { writeOptions, type WriteOptions } from "./options.ts";
import { decodeBody, fromStorage, toStorage } from "./read-body.ts";
import type { Call, Registry } from "./registry.ts";
import { respondObject } from "./respond.ts";
import { updateObject } from "./update-object.ts";

export const patchTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;
export type PatchType = keyof typeof patchTypes;

/** What a patch makes of an object in its served version; the result is new. */
type Change = (target: KubeObject) => unknown;

/** PATCH of an object or of one of its subresources. */
export async function patch(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, served, info, user, warn } = call;
  const type = patchTypeOf(request.headers["content-type"], served.kind.custom !== undefined);
  const options = writeOptions(request, "PatchOptions");
  if (type === "apply") return apply(registry, call, options);
  if (options.force) throw forceForbidden();
  const change = patcher(call, type);
  const { item } = await updateObject(registry, {
    served,
    namespace: served.kind.namespaced ? info.namespace : "",
    name: info.name,
    subresource: info.subresource,
    user,
    warn,
    dryRun: options.dryRun,
    fieldManager: options.fieldManager,
    retry: true,
    change: (current) => patched(registry, call, { type, change, options, current }),
  });
  return respondObject(request, served, item);
}

const forceForbidden = (): ApiError =>
  invalid("meta.k8s.io", "PatchOptions", "", [
    {
      reason: "FieldValueForbidden",
      field: "force",
      message: "Forbidden: may not be specified for non-apply patch",
    },
  ]);

/** @throws ApiError 415 */
export function patchTypeOf(contentType: string | undefined, custom = false): PatchType {
  const type = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase();
  // There is nothing in a custom resource's schema to say how lists would be merged strategically.
  const known = Object.entries(patchTypes).filter(([name]) => !custom || name !== "strategic");
  for (const [name, media] of known) if (media === type) return name as PatchType;
  throw unsupportedMediaType(known.map(([, media]) => media));
}

type PlainPatchType = Exclude<PatchType, "apply">;

/** Reads the patch once; it is carried out on as many states as it takes. */
export function patcher({ request, served }: Call, type: PlainPatchType): Change {
  const body = parsePatch(request.body);
  if (type === "json") return (target) => objectOf(applyJsonPatch(clone(target), body));
  if (!isObject(body)) {
    throw badRequest(
      "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}",
    );
  }
  if (type === "merge") return (target) => objectOf(applyMergePatch(target, body));
  return (target) => applyStrategicMergePatch(served.node, target, body);
}

function parsePatch(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw badRequest(`error decoding patch: ${(error as Error).message}`);
  }
  if (tooDeep(body)) throw badRequest("error decoding patch: exceeded max depth");
  return body;
}

function objectOf(value: unknown): object {
  if (isObject(value)) return value;
  throw badRequest("the patch leaves no object");
}

interface Patching {
  readonly type: PlainPatchType;
  readonly change: Change;
  readonly options: WriteOptions;
  readonly current: CachedObject;
}

function patched(
  registry: Registry,
  { served, warn }: Call,
  { type, change, options, current }: Patching,
): KubeObject {
  const value = change(fromStorage(served, current.object));
  const parsed = { value, duplicates: [] };
  try {
    const reader = { resources: registry.resources, warn };
    return toStorage(served, decodeBody(parsed, served, options.fieldValidation, reader));
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 400 || type === "strategic") throw error;
    const why = error.message.replace(/^.* cannot be handled as an? \w+: /, "");
    throw invalid("", "", "", [invalidValue(path("patch"), JSON.stringify(value), why)]);
  }
}
