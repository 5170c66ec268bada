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
    const before = document;
    document = attempt(
      () => applyOne(before, operation),
      () => whyNot(before, operation),
    );
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

/** What upstream's library says of an operation that cannot be carried out. */
function whyNot(document: unknown, operation: Operation): string {
  const { op, path } = operation;
  const key = path
    .slice(path.lastIndexOf("/") + 1)
    .replaceAll("~1", "/")
    .replaceAll("~0", "~");
  if (op === "move" || op === "copy")
    return `${op} operation does not apply: doc is missing from path: ${operation.from}: missing value`;
  if (op === "test") return `testing value ${path} failed: test failed`;
  if (!hasParent(document, path))
    return `${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`;
  if (op === "replace") return `replace operation does not apply: doc is missing key: ${path}: missing value`;
  if (op === "remove")
    return `error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`;
  return `error in ${op} for path: '${path}': Unable to access invalid index: ${key}: invalid index referenced`;
}

function hasParent(document: unknown, path: string): boolean {
  try {
    const parent: unknown = getValueByPointer(document, path.slice(0, path.lastIndexOf("/")));
    return typeof parent === "object" && parent !== null;
  } catch {
    return false;
  }
}

/** Whatever the library refuses is the patch's fault. */
function attempt<T>(work: () => T, why?: () => string): T {
  try {
    return work();
  } catch (error) {
    throw new ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {
      causes: [{ reason: "UnexpectedServerResponse", message: why?.() ?? firstLine(error) }],
    });
  }
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
