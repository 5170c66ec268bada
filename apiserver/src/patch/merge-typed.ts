/** Merging an applied configuration into the live object, and taking items out of one. */
import type { ListNode, MapNode, Node, ObjectNode } from "../schema/node.ts";
import { isEmptySet, isMember } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";
import { clone, get, isObject, put } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { elementOf, fieldType, itemsByElement, keysIn, shapeOf } from "./typed.ts";

/** `config` laid over `live`. The result shares parts with both. */
export function mergeTyped(node: Node | undefined, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  const shape = shapeOf(node, config);
  if (live === undefined || live === null || shape.kind === "leaf") return config;
  if (shape.kind === "items") return mergeItems(shape.node, live, config);
  if (!isObject(live)) return config;
  const merged: JsonObject = { ...live };
  for (const key of keysIn(config)) {
    const value = get(config as JsonObject, key);
    put(merged, key, mergeTyped(fieldType(shape.node, key).node, get(live, key), value));
  }
  return merged;
}

/** The configuration's items keep its order; items only the live list has stay where they were among those around them. */
function mergeItems(node: ListNode, live: unknown, config: unknown): unknown[] {
  const ours = itemsByElement(node, config);
  const theirs = itemsByElement(node, live);
  const order = [...ours.keys()];
  const taken = new Set<string>();
  const merged: unknown[] = [];
  let next = 0;
  const take = (element: string): void => {
    taken.add(element);
    merged.push(mergeTyped(node.items, theirs.get(element), ours.get(element)));
  };
  for (const item of Array.isArray(live) ? (live as unknown[]) : []) {
    const element = elementOf(node, item);
    if (element === undefined || !ours.has(element)) {
      merged.push(item);
      continue;
    }
    if (taken.has(element)) continue;
    // Whatever the configuration names before this item comes before it.
    while (next < order.length && order[next] !== element && !theirs.has(order[next] ?? ""))
      take(order[next++] ?? "");
    if (order[next] === element) {
      take(element);
      next++;
    }
  }
  for (const element of order) if (!taken.has(element)) take(element);
  return merged;
}

/**
 * Stands where a container lost everything in it: it is still a path that the object has, but no value of it.
 * {@link settle} decides what becomes of it.
 */
const emptied: JsonObject = Object.freeze({});

/** `value` without the paths of `set`. */
export function removePaths(node: Node | undefined, value: unknown, set: FieldSet): unknown {
  if (isEmptySet(set)) return value;
  const shape = shapeOf(node, value);
  // What is below a leaf cannot be taken out of it: it goes as a whole.
  if (shape.kind === "leaf") return emptied;
  return shape.kind === "items" ? removeItems(shape.node, value, set) : removeFields(shape.node, value, set);
}

function removeItems(node: ListNode, value: unknown, set: FieldSet): unknown {
  if (!Array.isArray(value) || value.length === 0) return value;
  const left: unknown[] = [];
  for (const item of value) {
    const element = elementOf(node, item);
    const below = element === undefined ? undefined : set[element];
    if (below === undefined) left.push(item);
    else if (!isMember(below)) left.push(removePaths(node.items, item, below));
  }
  return left.length > 0 ? left : emptied;
}

function removeFields(node: ObjectNode | MapNode | undefined, value: unknown, set: FieldSet): unknown {
  if (!isObject(value)) return value;
  const keys = keysIn(value);
  if (keys.length === 0) return value;
  const left: JsonObject = {};
  for (const key of keys) {
    const below = set[`f:${key}`];
    if (below !== undefined && isMember(below)) continue;
    const type = fieldType(node, key).node;
    put(left, key, below === undefined ? value[key] : removePaths(type, value[key], below));
  }
  return keysIn(left).length > 0 ? left : emptied;
}

/** A copy that shares nothing. Of emptied containers those that somebody owns stay, as empty ones; the others go. */
export function settle(node: Node | undefined, value: unknown, owned: FieldSet | undefined): unknown {
  const shape = shapeOf(node, value);
  if (shape.kind === "items" && Array.isArray(value)) {
    return value.map((item: unknown) => {
      const element = elementOf(shape.node, item);
      return settle(shape.node.items, item, element === undefined ? undefined : owned?.[element]);
    });
  }
  if (shape.kind !== "fields" || !isObject(value)) return clone(value);
  const copy: JsonObject = {};
  for (const key of keysIn(value)) {
    const type = fieldType(shape.node, key).node;
    const below = owned?.[`f:${key}`];
    if (value[key] !== emptied) put(copy, key, settle(type, value[key], below));
    else if (below !== undefined && isMember(below)) put(copy, key, type?.kind === "list" ? [] : {});
  }
  return copy;
}
