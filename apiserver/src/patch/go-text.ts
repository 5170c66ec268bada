import { isObject } from "./json.ts";

/** A JSON value as Go prints the map that it decodes one to (`%+v`): `map[a:1 b:[x y]]`. */
export function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (isObject(value)) {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, item]) => `${key}:${goText(item)}`).join(" ")}]`;
  }
  return value === null || value === undefined ? "<nil>" : `${value as string | number | boolean}`;
}

/** The same as Go source (`%#v`): `map[string]interface {}{"a":1}`. */
export function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  if (isObject(value)) {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const items = entries.map(([key, item]) => `${JSON.stringify(key)}:${goSyntax(item)}`);
    return `map[string]interface {}{${items.join(", ")}}`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  return value === null || value === undefined ? "interface {}(nil)" : goText(value);
}

/** The Go type that a JSON value is decoded to (`%T`). */
export function goTypeName(value: unknown): string {
  if (Array.isArray(value)) return "[]interface {}";
  if (isObject(value)) return "map[string]interface {}";
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  return typeof value === "boolean" ? "bool" : typeof value;
}
