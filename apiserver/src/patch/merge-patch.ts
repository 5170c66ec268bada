import { badRequest } from "@coracle/shared/errors.ts";
import { clone, get, isObject, put, tooDeep } from "./json.ts";
import type { JsonObject } from "./json.ts";

/**
 * RFC 7386: objects merge, null removes, all else replaces. The result shares nothing with its inputs.
 * @throws ApiError 400 for a patch nested without end
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (tooDeep(patch)) throw badRequest("exceeded max depth");
  if (!isObject(patch)) return clone(patch);
  const result: JsonObject = isObject(target) ? clone(target) : {};
  mergeInto(result, patch);
  return result;
}

function mergeInto(target: JsonObject, patch: JsonObject): void {
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete target[key];
    else if (isObject(value)) {
      const current = get(target, key);
      const inner = isObject(current) ? current : {};
      mergeInto(inner, value);
      put(target, key, inner);
    } else put(target, key, clone(value));
  }
}
