/** Between JSON and the values of expressions: integers are BigInt there, objects are Maps. */
import { Duration, Optional, UnsignedInt } from "./library.ts";
import type { JsonObject } from "../../patch/json.ts";
import { put } from "../../patch/json.ts";

/** A JSON value as an expression sees it; what is not set is null. */
export function toCel(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== "object") return value;
  const map = new Map<string, unknown>();
  for (const [key, item] of Object.entries(value)) if (item !== undefined) map.set(key, toCel(item));
  return map;
}

/** The JSON of what an expression gave; undefined for an empty optional. */
export function fromCel(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(fromCel);
  if (value instanceof Set) return [...value].map(fromCel);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Date) return value.toISOString().replace(".000Z", "Z");
  if (value instanceof Duration || value instanceof UnsignedInt) return String(value);
  if (value instanceof Optional) return value.hasValue() ? fromCel(value.value()) : undefined;
  const object: JsonObject = {};
  const entries = value instanceof Map ? value.entries() : Object.entries(value);
  for (const [key, item] of entries) {
    const json = fromCel(item);
    if (json !== undefined) put(object, String(key), json);
  }
  return object;
}
