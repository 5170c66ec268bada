import { ApiError, badRequest, invalid, unsupportedMediaType } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { applyJsonPatch } from "../patch/json-patch.ts";
import { goText } from "../patch/go-text.ts";
import { clone, isObject, tooDeep } from "../patch/json.ts";
import { applyMergePatch } from "../patch/merge-patch.ts";
import { applyStrategicMergePatch } from "../patch/strategic.ts";
import type { ApiResponse } from "../request.ts";
import type { FieldValidation } from "../schema/body.ts";
import { duplicateFields, strictFields } from "../schema/json.ts";
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

/** A patch, read once; it is carried out on as many states as it takes. */
export interface ReadPatch {
  /** What the patch makes of an object in its served version. */
  readonly change: (target: KubeObject) => unknown;
  /** What strict validation says of the patch itself. */
  readonly problems: readonly string[];
  /** As upstream shows it, or what came of it, in an error. */
  readonly shown: (result: unknown) => string;
}

/** PATCH of an object or of one of its subresources. */
export async function patch(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, served, info, user, warn } = call;
  const type = patchTypeOf(request.headers["content-type"], served.kind.custom !== undefined);
  const options = writeOptions(request, "PatchOptions");
  if (type === "apply") return apply(registry, call, options);
  if (options.force) throw forceForbidden();
  const read = readPatch(call, type, options.fieldValidation);
  const { item } = await updateObject(registry, {
    served,
    namespace: served.kind.namespaced ? info.namespace : "",
    name: info.name,
    subresource: info.subresource,
    user,
    warn,
    dryRun: options.dryRun,
    fieldManager: options.fieldManager,
    options: options.given,
    retry: true,
    isPatch: true,
    change: (current) => patched(registry, call, { read, options, current }),
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

/** @throws ApiError 400 */
export function readPatch(
  { request, served }: Call,
  type: PlainPatchType,
  validation: FieldValidation,
): ReadPatch {
  const bytes = request.body;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const body = parsePatch(text);
  const strict = validation !== "Ignore";
  if (type === "json") {
    return {
      change: (target) => objectOf(applyJsonPatch(clone(target), body)),
      problems: strict ? operationProblems(body, text) : [],
      shown: JSON.stringify,
    };
  }
  if (!isObject(body)) {
    throw badRequest(
      "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}",
    );
  }
  const problems = strict ? duplicateFields(text) : [];
  if (type === "merge")
    return { change: (target) => objectOf(applyMergePatch(target, body)), problems, shown: JSON.stringify };
  return {
    change: (target) => applyStrategicMergePatch(served.node, target, body),
    problems,
    shown: () => goText(body),
  };
}

const operationFields = new Set(["op", "from", "path", "value"]);

/** Fields of operations that no operation has, and those that stand twice. */
function operationProblems(body: unknown, text: string): string[] {
  const operations: readonly unknown[] = Array.isArray(body) ? body : [];
  const unknown = operations.flatMap((operation, i) =>
    isObject(operation)
      ? Object.keys(operation)
          .filter((key) => !operationFields.has(key))
          .map((key) => `unknown field "[${i}].${key}"`)
      : [],
  );
  return strictFields(text, unknown).map((problem) => `json patch ${problem}`);
}

function parsePatch(text: string): unknown {
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
  readonly read: ReadPatch;
  readonly options: WriteOptions;
  readonly current: CachedObject;
}

function patched(
  registry: Registry,
  { served, warn }: Call,
  { read, options, current }: Patching,
): KubeObject {
  const apply = (): unknown => read.change(fromStorage(served, current.object));
  const parsed = { value: apply(), duplicates: read.problems };
  try {
    const reader = { resources: registry.resources, warn };
    return toStorage(served, decodeBody(parsed, served, options.fieldValidation, reader));
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 400) throw error;
    const why = error.message.replace(/^.* cannot be handled as an? \w+: /, "");
    // Decoding has pruned the first one.
    throw invalid("", "", "", [invalidValue(path("patch"), read.shown(apply()), why)]);
  }
}
