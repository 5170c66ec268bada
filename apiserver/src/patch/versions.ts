/** Ownership of fields across API versions: each entry of managedFields speaks of the object as its own version writes it. */
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ObjectNode } from "../schema/node.ts";
import { compareObjects, type Comparison } from "./compare.ts";
import { without, type FieldSet } from "./field-set.ts";

/** The versions a kind is served in. */
export interface Versions {
  /** The type graph of a version; undefined when it is not served (any more). */
  node(apiVersion: string): ObjectNode | undefined;
  /** The object, whose apiVersion says what it is in, in another served version; shares nothing with the argument when converted. */
  convert(object: KubeObject, to: string): KubeObject;
}

/** A kind in one version only: whatever an entry says, its fields are read by this one type. */
export const oneVersion = (node: ObjectNode): Versions => ({
  node: () => node,
  convert: (object) => object,
});

/** What a write changed, as one version sees it; undefined for a version that is not served. */
export type CompareIn = (apiVersion: string) => Comparison | undefined;

interface Write {
  readonly versions: Versions;
  /** Undefined: the object is being created, from nothing (Go's zero value). */
  readonly before: KubeObject | undefined;
  readonly after: KubeObject;
  readonly zero: (node: ObjectNode) => KubeObject;
  readonly resetFields: FieldSet;
}

/** Compares on demand, once for each version. */
export function comparer({ versions, before, after, zero, resetFields }: Write): CompareIn {
  const done = new Map<string, Comparison | undefined>();
  const compare = (apiVersion: string): Comparison | undefined => {
    const node = versions.node(apiVersion);
    if (!node) return undefined;
    const old = before ? versions.convert(before, apiVersion) : zero(node);
    const { changed, removed } = compareObjects(node, old, versions.convert(after, apiVersion));
    return { changed: without(changed, resetFields), removed: without(removed, resetFields) };
  };
  return (apiVersion) => {
    if (!done.has(apiVersion)) done.set(apiVersion, compare(apiVersion));
    return done.get(apiVersion);
  };
}
