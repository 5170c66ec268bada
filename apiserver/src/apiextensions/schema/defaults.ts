/** Fills in what a schema says is there when nothing is. */
import { clone, isObject, put } from "../../patch/json.ts";
import { itemsOf, propertyOf, valuesOf, type Schema } from "./structural.ts";

/** Whether any part of the schema has a default; others need no walk. */
export function hasDefaults(schema: Schema | undefined): boolean {
  if (!schema) return false;
  if (schema.default !== undefined) return true;
  return (
    Object.values(schema.properties ?? {}).some(hasDefaults) ||
    hasDefaults(itemsOf(schema)) ||
    hasDefaults(valuesOf(schema))
  );
}

/** Takes out, in place, the nulls of fields that may be none and have no default: they are as good as absent. */
export function dropNulls(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items) for (const item of value) dropNulls(items, item);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, item] of Object.entries(value)) {
    const property = propertyOf(schema, key);
    if (!property) continue;
    if (item !== null) dropNulls(property, item);
    else if (property.nullable !== true && property.default === undefined) delete value[key];
  }
}

/** Sets defaults in place. A null where none is allowed counts as absent when there is a default. */
export function applyDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (!items) return;
    for (let i = 0; i < value.length; i++) {
      if (value[i] === null && items.nullable !== true && items.default !== undefined)
        value[i] = clone(items.default);
      applyDefaults(items, value[i]);
    }
    return;
  }
  if (!isObject(value)) return;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    const missing = !Object.hasOwn(value, key) || (value[key] === null && property.nullable !== true);
    if (missing) put(value, key, clone(property.default));
  }
  for (const key of Object.keys(value)) {
    const property = propertyOf(schema, key);
    if (!property) continue;
    if (value[key] === null && property.nullable !== true && property.default !== undefined)
      put(value, key, clone(property.default));
    applyDefaults(property, value[key]);
  }
}
