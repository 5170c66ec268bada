/** Which paths a value has: what an applier owns by naming it. */
import type { Node } from "../schema/node.ts";
import { isMember, nodeOf } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";
import { get, isObject } from "./json.ts";
import { elementOf, fieldType, keysIn, shapeOf } from "./typed.ts";

const leaf: FieldSet = {};

/** The set of every path in `value`, an object of type `node`. */
export const pathsIn = (node: Node, value: unknown): FieldSet => below(node, value).children;

/** The node's own membership, and what is below it. */
function below(
  node: Node | undefined,
  value: unknown,
): { self: boolean; children: Record<string, FieldSet> } {
  const shape = shapeOf(node, value);
  const children: Record<string, FieldSet> = {};
  if (shape.kind === "leaf") return { self: true, children };
  if (shape.kind === "items") {
    for (const item of Array.isArray(value) ? (value as unknown[]) : []) {
      const element = elementOf(shape.node, item);
      if (element !== undefined)
        children[element] = nodeOf(true, below(shape.node.items, item).children) ?? leaf;
    }
    return { self: false, children };
  }
  for (const key of keysIn(value)) {
    const type = fieldType(shape.node, key);
    const child = isObject(value) ? get(value, key) : undefined;
    const found = below(type.node, child);
    // An empty map is a statement of its own, and so is a key that no schema declares.
    const isEmpty = child === null || (isObject(child) && keysIn(child).length === 0);
    const made = nodeOf(found.self || isEmpty || !type.isDeclared, found.children);
    if (made !== undefined) children[`f:${key}`] = made;
  }
  return { self: false, children };
}

/** Adds each declared field that has paths below it: a struct cannot stay when its content is told to go, nor go when it stays. */
export function withNamedFields(node: Node | undefined, set: FieldSet, isRoot = true): FieldSet {
  const children: Record<string, FieldSet> = {};
  for (const element of Object.keys(set)) {
    const child = set[element];
    if (element === "." || child === undefined) continue;
    const { type, isDeclared } = childType(node, element);
    const inner = withNamedFields(type, child, false);
    children[element] = isDeclared ? (nodeOf(true, childrenOf(inner)) ?? leaf) : inner;
  }
  return nodeOf(!isRoot && isMember(set), children) ?? leaf;
}

function childrenOf(set: FieldSet): Record<string, FieldSet> {
  const { ".": _, ...children } = set;
  return children;
}

function childType(node: Node | undefined, element: string): { type: Node | undefined; isDeclared: boolean } {
  if (!element.startsWith("f:"))
    return { type: node?.kind === "list" ? node.items : undefined, isDeclared: false };
  const container = node?.kind === "object" || node?.kind === "map" ? node : undefined;
  const field = fieldType(container, element.slice(2));
  return { type: field.node, isDeclared: field.isDeclared };
}
