/**
 * Strategic merge patch: a merge patch that knows from the schema which lists merge and by what key.
 * Directives inside the patch say the rest: `$patch`, `$retainKeys`, `$setElementOrder/x`, `$deleteFromPrimitiveList/x`.
 */
import { ApiError, badRequest } from "@coracle/shared/errors.ts";
import type { Field, Node } from "../schema/node.ts";
import { arrange } from "./element-order.ts";
import { clone, equal, get, isObject, put, tooDeep } from "./json.ts";
import type { JsonObject } from "./json.ts";

const directive = "$patch";
const retainKeys = "$retainKeys";
const orderPrefix = "$setElementOrder/";
const deletePrefix = "$deleteFromPrimitiveList/";

/**
 * Applies `patch` to `target`, an object of type `node`. The result shares nothing with its inputs.
 * @throws ApiError 400 for a malformed patch, 422 for a list element without its merge key
 */
export function applyStrategicMergePatch(node: Node, target: JsonObject, patch: JsonObject): JsonObject {
  if (tooDeep(patch)) throw badRequest("exceeded max depth");
  return mergeObject(node, clone(target), patch);
}

const noMergeKey = (item: unknown, key: string): ApiError =>
  new ApiError(
    422,
    "Invalid",
    `map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`,
    {},
  );

/** The schema of a child; unknown and free-form objects merge as plain maps. */
function fieldOf(
  node: Node | undefined,
  key: string,
): Pick<Field, "patchStrategy" | "patchMergeKey"> & { node?: Node } {
  if (node?.kind === "object") {
    const field = node.fields.get(key);
    return field ?? { patchStrategy: [], ...(node.additional ? { node: node.additional } : {}) };
  }
  if (node?.kind === "choice") return fieldOf(node.object, key);
  return { patchStrategy: [], ...(node?.kind === "map" ? { node: node.values } : {}) };
}

function mergeObject(node: Node | undefined, target: JsonObject, patch: JsonObject): JsonObject {
  const mode = get(patch, directive);
  if (mode === "replace") return withoutDirectives(patch, directive);
  if (mode === "delete") return {};
  if (mode !== undefined && mode !== "merge")
    throw badRequest(`unknown patch type found: ${JSON.stringify(mode)}`);
  retain(target, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === directive || key === retainKeys) continue;
    if (key.startsWith(orderPrefix)) {
      setOrder(node, target, patch, key.slice(orderPrefix.length), value);
    } else if (key.startsWith(deletePrefix)) {
      deleteValues(target, key.slice(deletePrefix.length), value);
    } else if (!Object.hasOwn(patch, orderPrefix + key)) {
      mergeField(node, target, key, value);
    }
  }
  return target;
}

/** `$retainKeys` drops every key of the target that it does not list. */
function retain(target: JsonObject, patch: JsonObject): void {
  const keys = get(patch, retainKeys);
  if (keys === undefined) return;
  const isValid = Array.isArray(keys) && keys.every((k) => typeof k === "string");
  const strays = isValid
    ? Object.keys(patch).filter((k) => !k.startsWith("$") && patch[k] !== null && !keys.includes(k))
    : [];
  if (!isValid || strays.length > 0) throw badRequest("invalid patch format of retainKeys");
  for (const key of Object.keys(target)) if (!keys.includes(key)) delete target[key];
}

function mergeField(node: Node | undefined, target: JsonObject, key: string, value: unknown): void {
  if (value === null) {
    delete target[key];
    return;
  }
  const field = fieldOf(node, key);
  const current = get(target, key);
  if (isObject(value)) {
    const isReplaced = field.patchStrategy.includes("replace");
    put(target, key, mergeObject(field.node, isObject(current) && !isReplaced ? current : {}, value));
  } else if (Array.isArray(value) && field.patchStrategy.includes("merge")) {
    put(target, key, mergeList(field, Array.isArray(current) ? (current as unknown[]) : [], value));
  } else put(target, key, withoutNestedDirectives(value));
}

/** Merges the list, then puts it in the order the client saw: `$setElementOrder` lists every element it knows, by key. */
function setOrder(
  node: Node | undefined,
  target: JsonObject,
  patch: JsonObject,
  key: string,
  order: unknown,
): void {
  if (!Array.isArray(order)) throw badRequest("invalid patch format of setElementOrder list");
  const field = fieldOf(node, key);
  const original = get(target, key);
  const before = Array.isArray(original) ? (original as unknown[]) : [];
  const changes = get(patch, key);
  if (changes === null) {
    delete target[key];
    return;
  }
  const removed = get(patch, deletePrefix + key);
  const merged = Array.isArray(changes) ? mergeList(field, clone(before), changes) : before;
  const left = Array.isArray(removed) ? merged.filter((v) => !removed.some((r) => equal(r, v))) : merged;
  if (left.length === 0 && original === undefined) return;
  const wanted = order.map((item: unknown) => identity(item, field.patchMergeKey));
  put(
    target,
    key,
    arrange(left, wanted, before, (item) => identity(item, field.patchMergeKey)),
  );
}

function deleteValues(target: JsonObject, key: string, values: unknown): void {
  if (!Array.isArray(values)) throw badRequest("invalid patch format of primitive list");
  const current = get(target, key);
  if (Array.isArray(current))
    put(
      target,
      key,
      current.filter((v) => !values.some((d) => equal(v, d))),
    );
}

/** What makes an element the same element: its merge key's value, or for scalars itself. */
function identity(item: unknown, key: string | undefined): string {
  if (!isObject(item)) return JSON.stringify(item) ?? "";
  const value = key === undefined ? undefined : get(item, key);
  if (value === undefined) throw noMergeKey(item, key ?? "");
  return JSON.stringify(value);
}

function mergeList(
  field: Pick<Field, "patchMergeKey"> & { node?: Node },
  target: unknown[],
  patch: readonly unknown[],
): unknown[] {
  const scalars = [...target, ...patch].every((item) => !isObject(item));
  if (scalars) {
    const all = [...target];
    for (const value of patch) if (!all.some((v) => equal(v, value))) all.push(clone(value));
    return arrange(
      all,
      patch.map((v) => JSON.stringify(v)),
      target,
      (v) => JSON.stringify(v),
    );
  }
  const key = field.patchMergeKey;
  if (key === undefined) throw badRequest("cannot merge lists without merge key");
  if (patch.some((item) => !isObject(item)))
    throw badRequest("unexpected type of list element: expected an object");
  return mergeByKey(
    field.node?.kind === "list" ? field.node.items : undefined,
    key,
    target,
    patch as JsonObject[],
  );
}

function mergeByKey(
  items: Node | undefined,
  key: string,
  target: unknown[],
  patch: readonly JsonObject[],
): unknown[] {
  const plain = patch.filter((item) => !Object.hasOwn(item, directive) || item[directive] === "merge");
  if (patch.some((item) => item[directive] === "replace")) {
    return plain.map((item) => withoutDirectives(item, directive));
  }
  const deleted = new Set<string>();
  for (const item of patch) {
    if (item[directive] === "delete") deleted.add(identity(item, key));
    else if (!plain.includes(item))
      throw badRequest(`unknown patch type found: ${JSON.stringify(item[directive])}`);
  }
  const isDeleted = (item: unknown): boolean =>
    isObject(item) && Object.hasOwn(item, key) && deleted.has(identity(item, key));
  const merged = target.filter((item) => !isDeleted(item));
  const kept = [...merged];
  const places = new Map(
    merged.map((item, i) => [isObject(item) && Object.hasOwn(item, key) ? identity(item, key) : `#${i}`, i]),
  );
  for (const item of plain) {
    const id = identity(item, key);
    const place = places.get(id);
    if (place === undefined) {
      places.set(id, merged.length);
      merged.push(mergeObject(items, {}, item));
    } else merged[place] = mergeObject(items, merged[place] as JsonObject, item);
  }
  const name = (item: unknown): string =>
    isObject(item) && Object.hasOwn(item, key) ? identity(item, key) : "";
  return arrange(merged, plain.map(name), kept, name);
}

function withoutDirectives(patch: JsonObject, name: string): JsonObject {
  const { [name]: _, ...rest } = patch;
  return withoutNestedDirectives(rest) as JsonObject;
}

/** A value taken as a whole is taken without directives and nulls that were meant for a merge. */
function withoutNestedDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((v) => !isObject(v) || v[directive] !== "delete").map(withoutNestedDirectives);
  }
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const isDirective =
      key === directive || key === retainKeys || key.startsWith(orderPrefix) || key.startsWith(deletePrefix);
    if (!isDirective && item !== null) put(out, key, withoutNestedDirectives(item));
  }
  return out;
}
