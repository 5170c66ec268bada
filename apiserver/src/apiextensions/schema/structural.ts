/** How the rest of this folder walks a schema: what stands at a value, and its members. */
import type { JSONSchemaProps } from "@coracle/shared/api/generated/apiextensions-v1.ts";
import type { JsonObject } from "../../patch/json.ts";

export type Schema = JSONSchemaProps;

export const itemsOf = (schema: Schema): Schema | undefined =>
  Array.isArray(schema.items) ? schema.items[0] : schema.items;

/** The schema of a map's values; undefined when it declares none. */
export const valuesOf = (schema: Schema): Schema | undefined =>
  typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;

/** The schema of one key of an object. */
export const propertyOf = (schema: Schema, key: string): Schema | undefined =>
  (schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined) ??
  valuesOf(schema);

export const preserves = (schema: Schema): boolean => schema["x-kubernetes-preserve-unknown-fields"] === true;
export const isIntOrString = (schema: Schema): boolean => schema["x-kubernetes-int-or-string"] === true;
export const isEmbedded = (schema: Schema): boolean => schema["x-kubernetes-embedded-resource"] === true;

/** Keys that every object of the API has, whatever its schema says. */
export const resourceKeys: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/** The keys of an element of a `map` list, in a form that can be compared; defaults stand in for absent ones. */
export function elementKey(schema: Schema, element: unknown): JsonObject {
  const key: JsonObject = {};
  if (typeof element !== "object" || element === null) return key;
  const items = itemsOf(schema);
  for (const name of schema["x-kubernetes-list-map-keys"] ?? []) {
    const value = (element as JsonObject)[name] ?? items?.properties?.[name]?.default;
    if (value !== undefined) key[name] = value;
  }
  return key;
}

/** The element of an old `map` list that has the keys of `element`. */
export function correlated(schema: Schema, element: unknown, old: unknown): unknown {
  if (!Array.isArray(old) || schema["x-kubernetes-list-type"] !== "map") return undefined;
  const key = JSON.stringify(elementKey(schema, element));
  return old.find((candidate) => JSON.stringify(elementKey(schema, candidate)) === key);
}
