import jsonpatch from "fast-json-patch";
import type { Operation } from "fast-json-patch";
import { ApiError, badRequest, requestEntityTooLarge } from "@coracle/shared/errors.ts";
import { clone, isObject, tooDeep } from "./json.ts";

const { applyOperation } = jsonpatch;

/** Upstream's limit. */
const maxOperations = 10_000;
const operations = new Set(["add", "remove", "replace", "move", "copy", "test"]);

/**
 * RFC 6902. The result shares nothing with its inputs.
 * @throws ApiError 400 for what is not a patch, 422 when an operation cannot be carried out or a test fails
 */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch))
    throw badRequest("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  if (patch.length > maxOperations) {
    throw requestEntityTooLarge(
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    );
  }
  let document: unknown = clone(target);
  for (const operation of patch) {
    if (!isOperation(operation))
      throw badRequest("json patch: an operation needs op and path, and from or value as its kind demands");
    document = applyOne(document, operation);
  }
  return document;
}

function isOperation(value: unknown): value is Operation {
  if (!isObject(value) || typeof value["op"] !== "string" || !operations.has(value["op"])) return false;
  if (typeof value["path"] !== "string" || (value["path"] !== "" && !value["path"].startsWith("/")))
    return false;
  if (value["op"] === "move" || value["op"] === "copy") return typeof value["from"] === "string";
  return value["op"] === "remove" || Object.hasOwn(value, "value");
}

function applyOne(document: unknown, operation: Operation): unknown {
  try {
    const cloned =
      "value" in operation ? { ...operation, value: clone(operation.value as unknown) } : operation;
    const result = applyOperation(document, cloned, true, true).newDocument;
    if (tooDeep(result)) throw badRequest("exceeded max depth");
    return result;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {
      causes: [{ reason: "UnexpectedServerResponse", message: firstLine(error) }],
    });
  }
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
