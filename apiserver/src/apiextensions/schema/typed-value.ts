/** A value as the rules of its schema see it: numbers, times and names as the schema says they are. */
import { isObject } from "../../patch/json.ts";
import { Duration } from "@coracle/shared/cel/library.ts";
import { toCel } from "@coracle/shared/cel/values.ts";
import { isEmbedded, isIntOrString, itemsOf, preserves, valuesOf, type Schema } from "./structural.ts";

const reserved = new Set([
  "true",
  "false",
  "null",
  "in",
  "as",
  "break",
  "const",
  "continue",
  "else",
  "for",
  "function",
  "if",
  "import",
  "let",
  "loop",
  "package",
  "namespace",
  "return",
  "void",
  "while",
  "var",
]);

/** A property's name as an expression writes it; undefined when it can write none. */
export function escapedName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[a-zA-Z_./-][a-zA-Z0-9_./-]*$/.test(name)) return undefined;
  return name.replaceAll(/__|\.|-|\//g, (text) =>
    text === "__" ? "__underscores__" : text === "." ? "__dot__" : text === "-" ? "__dash__" : "__slash__",
  );
}

/** Of the root and of embedded resources rules see these parts of the metadata, and no more. */
function visibleMetadata(metadata: unknown): unknown {
  if (!isObject(metadata)) return metadata;
  const { name, generateName } = metadata;
  return toCel({ name, generateName });
}

/** @param isRoot whether it is the object itself, with apiVersion, kind and metadata */
export function typedValue(schema: Schema, value: unknown, isRoot = false): unknown {
  if (value === undefined || value === null) return null;
  if (isIntOrString(schema)) return toCel(value);
  if (typeof value === "number") return schema.type === "number" ? value : toCel(value);
  if (typeof value === "string") return typedString(schema, value);
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    return items ? value.map((item) => typedValue(items, item)) : toCel(value);
  }
  if (!isObject(value)) return value;
  const map = new Map<string, unknown>();
  const resource = isRoot || isEmbedded(schema);
  const values = valuesOf(schema);
  for (const [key, item] of Object.entries(value)) {
    const property = schema.properties?.[key];
    if (resource && key === "metadata") map.set(key, visibleMetadata(item));
    else if (property) {
      const name = escapedName(key);
      if (name !== undefined && item !== undefined) map.set(name, typedValue(property, item));
    } else if (values) map.set(key, typedValue(values, item));
    // What is open, and not declared, is invisible to rules; but for data that is open as a whole.
    else if ((resource && (key === "apiVersion" || key === "kind")) || isOpen(schema))
      map.set(key, toCel(item));
  }
  return map;
}

const isOpen = (schema: Schema): boolean => preserves(schema) && schema.properties === undefined;

function typedString(schema: Schema, value: string): unknown {
  switch (schema.type === "string" ? schema.format : undefined) {
    case "date":
    case "date-time":
    case "datetime": {
      const time = new Date(value);
      return Number.isNaN(time.getTime()) ? value : time;
    }
    case "duration":
      return durationOf(value) ?? value;
    case "byte":
      return new Uint8Array(Buffer.from(value, "base64"));
    default:
      return value;
  }
}

const unitNanos: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

function durationOf(text: string): Duration | undefined {
  if (!/^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return undefined;
  let nanos = 0;
  for (const [, amount, unit = "s"] of text.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g))
    nanos += Number(amount) * (unitNanos[unit] ?? 0);
  if (text.startsWith("-")) nanos = -nanos;
  return new Duration(BigInt(Math.trunc(nanos / 1e9)), Math.round(nanos % 1e9));
}
