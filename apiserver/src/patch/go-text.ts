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
