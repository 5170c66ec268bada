/** Between JSON and the values of expressions: integers are BigInt there, objects are Maps. */
import { Duration, Optional, UnsignedInt } from "./library.ts";

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
  const entries: Iterable<[unknown, unknown]> =
    value instanceof Map ? (value as Map<unknown, unknown>).entries() : Object.entries(value);
  const converted = [...entries].map(([key, item]) => [String(key), fromCel(item)] as const);
  // Makes own properties, whatever the keys are called.
  return Object.fromEntries(converted.filter(([, json]) => json !== undefined));
}
