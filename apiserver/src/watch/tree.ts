/**
 * A sorted map that never changes: a write returns a new map that shares all but one path with the old one. A list of ten
 * thousand objects is thus a pointer, and stays as it was while writes go on. Weight-balanced binary tree (Adams; the
 * parameters are those of Hirai and Yamamoto).
 */
export interface Tree<V> {
  readonly key: string;
  readonly value: V;
  readonly size: number;
  readonly left: Tree<V> | undefined;
  readonly right: Tree<V> | undefined;
}
export type Root<V> = Tree<V> | undefined;

const delta = 3;
const ratio = 2;

export const sizeOf = <V>(tree: Root<V>): number => tree?.size ?? 0;

const node = <V>(key: string, value: V, left: Root<V>, right: Root<V>): Tree<V> => ({
  key,
  value,
  size: sizeOf(left) + sizeOf(right) + 1,
  left,
  right,
});

function balance<V>(key: string, value: V, left: Root<V>, right: Root<V>): Tree<V> {
  const l = sizeOf(left) + 1;
  const r = sizeOf(right) + 1;
  if (right && r > delta * l) return rotateLeft(key, value, left, right);
  if (left && l > delta * r) return rotateRight(key, value, left, right);
  return node(key, value, left, right);
}

function rotateLeft<V>(key: string, value: V, left: Root<V>, right: Tree<V>): Tree<V> {
  const inner = right.left;
  if (!inner || sizeOf(inner) + 1 < ratio * (sizeOf(right.right) + 1)) {
    return node(right.key, right.value, node(key, value, left, inner), right.right);
  }
  return node(
    inner.key,
    inner.value,
    node(key, value, left, inner.left),
    node(right.key, right.value, inner.right, right.right),
  );
}

function rotateRight<V>(key: string, value: V, left: Tree<V>, right: Root<V>): Tree<V> {
  const inner = left.right;
  if (!inner || sizeOf(inner) + 1 < ratio * (sizeOf(left.left) + 1)) {
    return node(left.key, left.value, left.left, node(key, value, inner, right));
  }
  return node(
    inner.key,
    inner.value,
    node(left.key, left.value, left.left, inner.left),
    node(key, value, inner.right, right),
  );
}

/** With `key` set to `value`. */
export function set<V>(tree: Root<V>, key: string, value: V): Tree<V> {
  if (!tree) return node(key, value, undefined, undefined);
  if (key === tree.key) return { key, value, size: tree.size, left: tree.left, right: tree.right };
  return key < tree.key
    ? balance(tree.key, tree.value, set(tree.left, key, value), tree.right)
    : balance(tree.key, tree.value, tree.left, set(tree.right, key, value));
}

/** Without `key`. */
export function remove<V>(tree: Root<V>, key: string): Root<V> {
  if (!tree) return undefined;
  if (key < tree.key) return balance(tree.key, tree.value, remove(tree.left, key), tree.right);
  if (key > tree.key) return balance(tree.key, tree.value, tree.left, remove(tree.right, key));
  if (!tree.left) return tree.right;
  if (!tree.right) return tree.left;
  const next = first(tree.right);
  return balance(next.key, next.value, tree.left, remove(tree.right, next.key));
}

function first<V>(tree: Tree<V>): Tree<V> {
  let at = tree;
  while (at.left) at = at.left;
  return at;
}

export function get<V>(tree: Root<V>, key: string): V | undefined {
  let at = tree;
  while (at && at.key !== key) at = key < at.key ? at.left : at.right;
  return at?.value;
}

/** How many keys are below `key`. */
export function rank<V>(tree: Root<V>, key: string): number {
  let below = 0;
  for (let at = tree; at;) {
    if (at.key < key) {
      below += sizeOf(at.left) + 1;
      at = at.right;
    } else at = at.left;
  }
  return below;
}

/** Values with a key of at least `from` and below `to`, in order; both ends are open when absent. */
export function* range<V>(tree: Root<V>, from?: string, to?: string): Generator<V> {
  const stack: Tree<V>[] = [];
  let at = tree;
  for (;;) {
    while (at) {
      if (from !== undefined && at.key < from) at = at.right;
      else {
        stack.push(at);
        at = at.left;
      }
    }
    const next = stack.pop();
    if (!next || (to !== undefined && next.key >= to)) return;
    yield next.value;
    at = next.right;
  }
}

/** A balanced tree of entries already in order. */
export function build<V>(entries: readonly (readonly [string, V])[], from = 0, to = entries.length): Root<V> {
  const middle = (from + to) >> 1;
  const entry = entries[middle];
  if (from >= to || !entry) return undefined;
  return node(entry[0], entry[1], build(entries, from, middle), build(entries, middle + 1, to));
}
