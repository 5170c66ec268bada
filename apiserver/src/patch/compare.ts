/** What changed between two states of an object, path by path. */
import type { Field, ListNode, MapNode, Node, ObjectNode } from "../schema/node.ts";
import { emptySet, nodeOf } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";
import { equal, isObject } from "./json.ts";
import { fieldType, itemsByElement, keysIn, shapeOf } from "./typed.ts";

export interface Comparison {
  /** Paths that are new or have another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

interface Difference {
  changed?: FieldSet | undefined;
  removed?: FieldSet | undefined;
}
const leaf: FieldSet = {};

/** Compares two objects of type `node`. */
export function compareObjects(node: Node, before: unknown, after: unknown): Comparison {
  const found = compareValues(node, before, after);
  return { changed: found?.changed ?? emptySet, removed: found?.removed ?? emptySet };
}

function compareValues(node: Node | undefined, before: unknown, after: unknown): Difference | undefined {
  if (before === after) return undefined;
  const shape = shapeOf(node, after ?? before);
  const other = before === undefined || after === undefined ? shape : shapeOf(node, before ?? after);
  if (shape.kind === "leaf" || other.kind !== shape.kind || (isBlank(before) && isBlank(after))) {
    return leafDifference(before, after);
  }
  const found =
    shape.kind === "items"
      ? compareItems(shape.node, before, after)
      : compareFields(shape.node, before, after);
  return withSelf(found, before, after);
}

const isBlank = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) ? value.length === 0 : isObject(value) && keysIn(value).length === 0);

function leafDifference(before: unknown, after: unknown): Difference | undefined {
  if (after === undefined) return { removed: leaf };
  return equal(before, after) ? undefined : { changed: leaf };
}

/** A container that came or went is itself a path that did. */
function withSelf(found: Children, before: unknown, after: unknown): Difference | undefined {
  const changed = nodeOf(before === undefined, found.changed ?? leaf);
  const removed = nodeOf(after === undefined, found.removed ?? leaf);
  return changed === undefined && removed === undefined ? undefined : { changed, removed };
}

interface Children {
  changed?: Record<string, FieldSet>;
  removed?: Record<string, FieldSet>;
}

function add(to: Children, element: string, found: Difference | undefined): void {
  if (found?.changed !== undefined) (to.changed ??= {})[element] = found.changed;
  if (found?.removed !== undefined) (to.removed ??= {})[element] = found.removed;
}

function compareFields(node: ObjectNode | MapNode | undefined, before: unknown, after: unknown): Children {
  const found: Children = {};
  const old = isObject(before) ? before : {};
  const now = isObject(after) ? after : {};
  for (const key in now) {
    if (now[key] === undefined) continue;
    const was = Object.hasOwn(old, key) ? old[key] : undefined;
    if (was === now[key]) continue;
    const previous =
      was === undefined && before !== undefined && node?.kind === "object"
        ? absent(node.fields.get(key))
        : was;
    add(found, `f:${key}`, compareValues(fieldType(node, key).node, previous, now[key]));
  }
  for (const key in old) {
    if (old[key] === undefined || (Object.hasOwn(now, key) && now[key] !== undefined)) continue;
    add(found, `f:${key}`, compareValues(fieldType(node, key).node, old[key], undefined));
  }
  return found;
}

/** Upstream always writes some lists and maps, as null when there is nothing in them: they do not come into being. */
const absent = (field: Field | undefined): null | undefined =>
  field?.go &&
  !field.go.pointer &&
  !field.go.omitEmpty &&
  (field.node.kind === "list" || field.node.kind === "map")
    ? null
    : undefined;

function compareItems(node: ListNode, before: unknown, after: unknown): Children {
  const found: Children = {};
  const [left, right] = differingItems(before, after);
  const old = itemsByElement(node, left);
  const now = itemsByElement(node, right);
  for (const [element, item] of now) add(found, element, compareValues(node.items, old.get(element), item));
  for (const [element, item] of old) {
    if (!now.has(element)) add(found, element, compareValues(node.items, item, undefined));
  }
  return found;
}

/** Most items are equal and in their old place: those need no key. */
function differingItems(before: unknown, after: unknown): [unknown[], unknown[]] {
  const old = Array.isArray(before) ? (before as unknown[]) : [];
  const now = Array.isArray(after) ? (after as unknown[]) : [];
  const differs = (item: unknown, i: number, other: readonly unknown[]): boolean =>
    i >= other.length || !equal(item, other[i]);
  return [old.filter((item, i) => differs(item, i, now)), now.filter((item, i) => differs(item, i, old))];
}
