/** The three patches that need only the object: what their bodies are, and one function to apply them. */
import { badRequest, unsupportedMediaType } from "@coracle/shared/errors.ts";
import type { Node } from "../schema/node.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { isObject, tooDeep } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { applyStrategicMergePatch } from "./strategic.ts";

export type PatchType = "json" | "merge" | "strategic" | "apply";

const types: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/**
 * What kind of patch a body is, by its media type. Custom resources know no strategic merge.
 * @throws ApiError 415
 */
export function patchTypeOf(contentType: string | undefined, isCustomResource = false): PatchType {
  const type = types[(contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? ""];
  if (type !== undefined && !(isCustomResource && type === "strategic")) return type;
  const accepted = Object.keys(types).filter((t) => !isCustomResource || types[t] !== "strategic");
  throw unsupportedMediaType(accepted);
}

/** Parses the body of a JSON, merge or strategic patch. @throws ApiError 400 */
export function parsePatch(bytes: Uint8Array): unknown {
  let patch: unknown;
  try {
    patch = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
  if (tooDeep(patch)) throw badRequest("exceeded max depth");
  return patch;
}

/**
 * Applies a parsed patch to an object of type `node`. The result shares nothing with its inputs, and is yet to be decoded:
 * a patch can make anything of an object.
 * @throws ApiError 400 for a malformed patch, 413 for one that grows without bound, 422 for one that cannot be carried out
 */
export function applyPatch(
  type: Exclude<PatchType, "apply">,
  node: Node,
  target: JsonObject,
  patch: unknown,
): JsonObject {
  if (type === "json") return objectOf(applyJsonPatch(target, patch));
  if (!isObject(patch)) throw badRequest("the patch must be an object");
  return type === "merge"
    ? objectOf(applyMergePatch(target, patch))
    : applyStrategicMergePatch(node, target, patch);
}

function objectOf(value: unknown): JsonObject {
  if (isObject(value)) return value;
  throw badRequest("the patch leaves no object");
}
