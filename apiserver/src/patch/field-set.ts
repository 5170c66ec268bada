/**
 * Sets of field paths, in the very form they have in `managedFields`: a tree whose keys are path elements (`f:spec`,
 * `k:{"name":"x"}`, `v:"a"`). A node with `.` or without children is itself in the set. The root never is.
 * Sets are immutable: operations share what they do not change, and return the same object when nothing does.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** The empty set, as a root. */
export const emptySet: FieldSet = {};
const leaf: FieldSet = {};

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether a node other than the root is itself in the set. */
export const isMember = (node: FieldSet): boolean => "." in node || isEmptySet(node);

/** A node of these children; undefined when neither it nor anything below is in the set. */
export function nodeOf(self: boolean, children: Readonly<Record<string, FieldSet>>): FieldSet | undefined {
  if (isEmptySet(children)) return self ? leaf : undefined;
  return self ? { ".": leaf, ...children } : children;
}

const elements = (node: FieldSet): string[] => Object.keys(node).filter((k) => k !== ".");

/** Everything in either set. */
export const union = (a: FieldSet, b: FieldSet): FieldSet => unionNodes(a, b, true) ?? emptySet;

function unionNodes(a: FieldSet, b: FieldSet, isRoot: boolean): FieldSet | undefined {
  if (a === b) return a;
  const self = !isRoot && (isMember(a) || isMember(b));
  const children: Record<string, FieldSet> = {};
  let isA = isRoot || self === isMember(a);
  for (const element of elements(a)) {
    const left = a[element] ?? leaf;
    const right = b[element];
    const joined = right === undefined ? left : (unionNodes(left, right, false) ?? leaf);
    if (joined !== left) isA = false;
    children[element] = joined;
  }
  for (const element of elements(b)) {
    if (element in children) continue;
    children[element] = b[element] ?? leaf;
    isA = false;
  }
  return isA ? a : nodeOf(self, children);
}

/** What is in `a` and not in `b`. */
export const difference = (a: FieldSet, b: FieldSet): FieldSet => differenceNodes(a, b, true) ?? emptySet;

function differenceNodes(a: FieldSet, b: FieldSet, isRoot: boolean): FieldSet | undefined {
  const was = !isRoot && isMember(a);
  const self = was && !isMember(b);
  const children: Record<string, FieldSet> = {};
  let isA = self === was;
  for (const element of elements(a)) {
    const left = a[element] ?? leaf;
    const right = b[element];
    const rest = right === undefined ? left : differenceNodes(left, right, false);
    if (rest !== left) isA = false;
    if (rest !== undefined) children[element] = rest;
  }
  return isA ? a : nodeOf(self, children);
}

/** What is in both. */
export const intersection = (a: FieldSet, b: FieldSet): FieldSet => intersectNodes(a, b, true) ?? emptySet;

function intersectNodes(a: FieldSet, b: FieldSet, isRoot: boolean): FieldSet | undefined {
  const children: Record<string, FieldSet> = {};
  for (const element of elements(a)) {
    const right = b[element];
    const both = right === undefined ? undefined : intersectNodes(a[element] ?? leaf, right, false);
    if (both !== undefined) children[element] = both;
  }
  return nodeOf(!isRoot && isMember(a) && isMember(b), children);
}

/** `a` without any path that is in `prefixes` or below one that is. */
export const without = (a: FieldSet, prefixes: FieldSet): FieldSet =>
  withoutNodes(a, prefixes, true) ?? emptySet;

function withoutNodes(a: FieldSet, prefixes: FieldSet, isRoot: boolean): FieldSet | undefined {
  if (!isRoot && isMember(prefixes)) return undefined;
  const was = !isRoot && isMember(a);
  const children: Record<string, FieldSet> = {};
  let isA = true;
  for (const element of elements(a)) {
    const left = a[element] ?? leaf;
    const prefix = prefixes[element];
    const rest = prefix === undefined ? left : withoutNodes(left, prefix, false);
    if (rest !== left) isA = false;
    if (rest !== undefined) children[element] = rest;
  }
  return isA ? a : nodeOf(was, children);
}

export function equalSets(a: FieldSet, b: FieldSet, isRoot = true): boolean {
  if (a === b) return true;
  if (!isRoot && isMember(a) !== isMember(b)) return false;
  const keys = elements(a);
  return (
    keys.length === elements(b).length &&
    keys.every((k) => b[k] !== undefined && equalSets(a[k] ?? leaf, b[k], false))
  );
}

/** A set of plain field paths: `[["metadata", "name"], ["status"]]`. */
export function setOf(paths: readonly (readonly string[])[]): FieldSet {
  let set = emptySet;
  for (const path of paths) {
    const one = path.reduceRight<FieldSet>((below, name) => ({ [`f:${name}`]: below }), leaf);
    set = union(set, one);
  }
  return set;
}

/** Every path in the set, as upstream prints them: `.spec.containers[name="a"].image`. */
export function printPaths(set: FieldSet): string[] {
  const paths: string[] = [];
  const visit = (node: FieldSet, path: string): void => {
    for (const element of elements(node).toSorted()) {
      const below = node[element] ?? leaf;
      const here = `${path}${printElement(element)}`;
      if (isMember(below)) paths.push(here);
      visit(below, here);
    }
  };
  visit(set, "");
  return paths;
}

/** One path element in upstream's notation. */
export function printElement(element: string): string {
  const body = element.slice(2);
  if (element.startsWith("f:")) return `.${body}`;
  if (element.startsWith("v:")) return `[=${body}]`;
  if (element.startsWith("i:")) return `[${body}]`;
  const keys = Object.entries(JSON.parse(body) as Record<string, unknown>);
  return `[${keys.map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(",")}]`;
}
