/** How a value's paths follow from its type: the rules every operation of server-side apply shares. */
import type { ListNode, MapNode, Node, ObjectNode } from "../schema/node.ts";
import { get, isObject } from "./json.ts";
import type { JsonObject } from "./json.ts";

/** What a value is to server-side apply. `leaf` is owned and replaced as a whole. */
export type Shape =
  | { readonly kind: "leaf" }
  | { readonly kind: "fields"; readonly node: ObjectNode | MapNode | undefined }
  | { readonly kind: "items"; readonly node: ListNode };

const leafShape: Shape = { kind: "leaf" };
const untyped: Shape = { kind: "fields", node: undefined };
const shapes = new WeakMap<Node, Shape>();

/** The shape of a value of this type. Where the schema is silent it follows from the value: maps have fields, lists are atomic. */
export function shapeOf(node: Node | undefined, value: unknown): Shape {
  if (node === undefined || node.kind === "any" || node.kind === "choice")
    return isObject(value) ? untyped : leafShape;
  let shape = shapes.get(node);
  if (!shape) {
    shape = shapeOfNode(node);
    shapes.set(node, shape);
  }
  // A value of another type than declared is taken as a whole; decoding refuses it elsewhere.
  if (shape.kind === "fields")
    return isObject(value) || value === null || value === undefined ? shape : leafShape;
  if (shape.kind === "items")
    return Array.isArray(value) || value === null || value === undefined ? shape : leafShape;
  return shape;
}

function shapeOfNode(node: Node): Shape {
  if (node.kind === "object" || node.kind === "map")
    return node.atomic ? leafShape : { kind: "fields", node };
  if (node.kind === "list") return node.listType === "atomic" ? leafShape : { kind: "items", node };
  return leafShape;
}

/** The type of one field; `isDeclared` tells a struct's field from a map's key. */
export function fieldType(
  node: ObjectNode | MapNode | undefined,
  key: string,
): { node: Node | undefined; isDeclared: boolean } {
  if (node?.kind === "map") return { node: node.values, isDeclared: false };
  const field = node?.fields.get(key);
  return field ? { node: field.node, isDeclared: true } : { node: node?.additional, isDeclared: false };
}

interface KeyPart {
  readonly name: string;
  readonly default: unknown;
}
const keyParts = new WeakMap<ListNode, readonly KeyPart[]>();

function keysOf(list: ListNode): readonly KeyPart[] {
  let parts = keyParts.get(list);
  if (!parts) {
    const { items } = list;
    parts = list.keys.toSorted().map((name) => ({
      name,
      default: items.kind === "object" ? items.fields.get(name)?.default : undefined,
    }));
    keyParts.set(list, parts);
  }
  return parts;
}

/** The path element of a list item; undefined for an item without its key. */
export function elementOf(list: ListNode, item: unknown): string | undefined {
  if (list.listType === "set") return `v:${JSON.stringify(item)}`;
  if (!isObject(item)) return undefined;
  const key: JsonObject = {};
  for (const part of keysOf(list)) {
    const value = get(item, part.name) ?? part.default;
    if (value === undefined || value === null) return undefined;
    key[part.name] = value;
  }
  return `k:${JSON.stringify(key)}`;
}

/** The first key that an item lacks, for messages. */
export const missingKey = (list: ListNode, item: JsonObject): string | undefined =>
  keysOf(list).find((part) => (get(item, part.name) ?? part.default) === undefined)?.name;

/** Items by path element, in order; items without a key and repeated ones are left out of it. */
export function itemsByElement(list: ListNode, value: unknown): Map<string, unknown> {
  const items = new Map<string, unknown>();
  if (!Array.isArray(value)) return items;
  for (const item of value) {
    const element = elementOf(list, item);
    if (element !== undefined && !items.has(element)) items.set(element, item);
  }
  return items;
}

/** Keys with a value: undefined is absence. */
export const keysIn = (value: unknown): string[] =>
  isObject(value) ? Object.keys(value).filter((k) => value[k] !== undefined) : [];
