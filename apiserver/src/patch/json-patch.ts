import jsonpatch from "fast-json-patch";
import type { Operation } from "fast-json-patch";
import { ApiError, badRequest, requestEntityTooLarge } from "@coracle/shared/errors.ts";
import { clone, isObject, tooDeep } from "./json.ts";

const { applyOperation, getValueByPointer } = jsonpatch;

/** Upstream's limits: operations in a patch, and bytes that its copies may add. */
const maxOperations = 10_000;
const maxCopied = 3 * 1024 * 1024;
const kinds = new Set(["add", "remove", "replace", "move", "copy", "test"]);

/**
 * RFC 6902. The result shares nothing with its inputs.
 * @throws ApiError 400 for what is not a patch, 413 for one too large, 422 when an operation cannot be carried out or a test fails
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
  let copied = 0;
  for (const operation of patch) {
    if (!isOperation(operation)) {
      throw badRequest("json patch: an operation needs op and path, and from or value as its kind demands");
    }
    const moved =
      operation.op === "copy" || operation.op === "move"
        ? attempt(() => getValueByPointer(document, operation.from) as unknown)
        : undefined;
    if (operation.op === "copy") copied += JSON.stringify(moved)?.length ?? 0;
    if (copied > maxCopied)
      throw requestEntityTooLarge(`the copies of a JSON patch may add at most ${maxCopied} bytes`);
    const added = moved ?? ("value" in operation ? (operation.value as unknown) : undefined);
    if (tooDeep(added, operation.path.split("/").length)) throw badRequest("exceeded max depth");
    document = attempt(() => applyOne(document, operation));
  }
  return document;
}

function isOperation(value: unknown): value is Operation {
  if (!isObject(value) || typeof value["op"] !== "string" || !kinds.has(value["op"])) return false;
  if (typeof value["path"] !== "string" || (value["path"] !== "" && !value["path"].startsWith("/")))
    return false;
  if (value["op"] === "move" || value["op"] === "copy") return typeof value["from"] === "string";
  return value["op"] === "remove" || Object.hasOwn(value, "value");
}

function applyOne(document: unknown, operation: Operation): unknown {
  // The library would make a value its own child.
  if (operation.op === "move" && operation.path.startsWith(`${operation.from}/`)) {
    throw new Error("a value cannot be moved into itself");
  }
  const own = "value" in operation ? { ...operation, value: clone(operation.value as unknown) } : operation;
  return applyOperation(document, own, true, true).newDocument;
}

/** Whatever the library refuses is the patch's fault. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {
      causes: [{ reason: "UnexpectedServerResponse", message: firstLine(error) }],
    });
  }
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
