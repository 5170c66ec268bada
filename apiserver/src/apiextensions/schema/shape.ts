/** How large the values of a schema can be: by its limits, or else by how much of them fits into a request. */
import type { Shape } from "../cel/cost.ts";
import { isIntOrString, itemsOf, preserves, valuesOf, type Schema } from "./structural.ts";

/** Bytes of the largest request that is taken. */
const maxRequest = 3 * 1024 * 1024;
const quotes = 2;
const unbounded = maxRequest - quotes;
/** A character of a string is at most so many bytes. */
const maxCharacterBytes = 4;

export function shapeOf(schema: Schema): Shape {
  if (isIntOrString(schema)) return { size: unbounded };
  switch (schema.type) {
    case "array":
      return listShape(schema);
    case "object":
      return objectShape(schema);
    case "string":
      return { size: maxString(schema) };
    case undefined:
      return { size: unbounded };
    default:
      return { size: 0 };
  }
}

function listShape(schema: Schema): Shape {
  const items = itemsOf(schema) ?? {};
  return { size: maxElements(schema), element: () => shapeOf(items) };
}

function objectShape(schema: Schema): Shape {
  const values = valuesOf(schema);
  if (values) return { size: maxElements(schema), element: () => shapeOf(values), isMap: true };
  const size = preserves(schema) && !schema.properties ? unbounded : 0;
  return { size, field: (name) => propertyShape(schema, name) };
}

function propertyShape({ properties }: Schema, name: string): Shape | undefined {
  const property = properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return property && shapeOf(property);
}

/** Elements of a list or of a map at most: how often what is said of one may have to be checked. */
export function maxElements(schema: Schema): number {
  const items = itemsOf(schema);
  if (items) return schema.maxItems ?? mostInRequest(items);
  const values = valuesOf(schema);
  // A key takes its quotes, a colon and a comma besides.
  return values ? (schema.maxProperties ?? Math.floor(unbounded / (leastBytes(values) + quotes + 2))) : 1;
}

/** How many values of a schema fit into one request, with a comma each. */
export const mostInRequest = (schema: Schema): number => Math.floor(unbounded / (leastBytes(schema) + 1));

const formatted: Readonly<Record<string, number>> = { date: 10, "date-time": 32, duration: 32 };

function maxString({ enum: values, format, maxLength }: Schema): number {
  if (values?.length) return Math.max(...values.map((value) => Buffer.byteLength(String(value))));
  const byFormat = format === undefined ? undefined : formatted[format];
  if (byFormat !== undefined) return byFormat;
  return maxLength === undefined ? unbounded : maxLength * maxCharacterBytes;
}

/** Bytes of the shortest value. */
function leastBytes(schema: Schema): number {
  switch (schema.type) {
    case "string":
      return quotes + (schema.minLength ?? 0);
    case "boolean":
      return "true".length;
    case "array":
      return quotes + (schema.minItems ?? 0) * ((itemsOf(schema) && leastBytes(itemsOf(schema) ?? {})) ?? 0);
    case "object":
      return quotes + requiredBytes(schema);
    default:
      return 1;
  }
}

const requiredBytes = ({ required, properties }: Schema): number =>
  (required ?? []).reduce((total, name) => {
    const property = properties?.[name];
    return property && property.default === undefined
      ? total + name.length + quotes + 2 + leastBytes(property)
      : total;
  }, 0);
