import { canonicalJson } from "../canonical.ts";

/** Stable hashes of pod templates, for the names of what is made from them. Pure. */

/** The characters upstream uses in generated names: no vowels, so no words. */
const SAFE = "bcdfghjklmnpqrstvwxz2456789";

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) {
    hash ^= byte;
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash;
}

/** Each character of `text` mapped into the safe alphabet. */
export const safeEncode = (text: string): string =>
  Array.from(text, (c) => SAFE[c.charCodeAt(0) % SAFE.length]).join("");

/** A short name part for `value`; another `collisionCount` makes another one when the name is taken. */
export const hashOf = (value: unknown, collisionCount = 0): string =>
  safeEncode(String(fnv1a(canonicalJson(value) + (collisionCount ? `#${collisionCount}` : ""))));

/** `length` random characters of the safe alphabet. */
export function randomSuffix(length: number, random: () => number = Math.random): string {
  let out = "";
  for (let i = 0; i < length; i++) out += SAFE[Math.floor(random() * SAFE.length)] ?? "";
  return out;
}
