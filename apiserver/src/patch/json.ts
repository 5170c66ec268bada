/** Small tools over plain JSON values. */

export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A copy that shares nothing. Objects here come from JSON: there is nothing in them but objects, lists and scalars. */
export function clone<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(clone) as T;
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) put(copy, key, clone((value as JsonObject)[key]));
  return copy as T;
}

/** Sets a key; one named `__proto__` becomes a key like any other. */
export function put(object: JsonObject, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else object[key] = value;
}

/** The own value of a key, never an inherited one. */
export const get = (object: JsonObject, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined;

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a)) {
    const other = b as unknown[];
    return a.length === other.length && a.every((item, i) => equal(item, other[i]));
  }
  const keys = Object.keys(a).filter((k) => (a as JsonObject)[k] !== undefined);
  const others = Object.keys(b).filter((k) => (b as JsonObject)[k] !== undefined);
  return (
    keys.length === others.length &&
    keys.every((k) => Object.hasOwn(b, k) && equal((a as JsonObject)[k], (b as JsonObject)[k]))
  );
}

/** Patches nest no deeper than this; a deeper one is refused before anything recurses into it. */
const maxDepth = 1000;

export function tooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return false;
  return depth > maxDepth || Object.values(value).some((item) => tooDeep(item, depth + 1));
}
