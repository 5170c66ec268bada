/**
 * Puts `metadata.resourceVersion` into the stored JSON of an object as text, first in its metadata, without parsing it.
 * The stored text has none (store.ts). Text without a top-level `metadata` object is returned as it is.
 */
export function withResourceVersion(json: string, revision: number): string {
  const open = metadataStart(json);
  if (open < 0) return json;
  const empty = json.charCodeAt(skipSpace(json, open + 1)) === closeBrace;
  return `${json.slice(0, open + 1)}"resourceVersion":"${revision}"${empty ? "" : ","}${json.slice(open + 1)}`;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;

/** Index of the `{` of the top-level member `metadata`, or -1. */
function metadataStart(json: string): number {
  let at = skipSpace(json, 0);
  if (json.charCodeAt(at) !== openBrace) return -1;
  at = skipSpace(json, at + 1);
  while (at < json.length && json.charCodeAt(at) === quote) {
    const end = skipString(json, at);
    const value = skipSpace(json, skipSpace(json, end) + 1);
    if (json.startsWith('"metadata"', at)) return json.charCodeAt(value) === openBrace ? value : -1;
    at = skipSpace(json, skipValue(json, value));
    if (json.charCodeAt(at) !== comma) return -1;
    at = skipSpace(json, at + 1);
  }
  return -1;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (json.charCodeAt(at) <= 0x20) at++;
  return at;
}

/** Index after the string that begins at `from`. */
function skipString(json: string, from: number): number {
  let end = json.indexOf('"', from + 1);
  while (end >= 0 && isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end < 0 ? json.length : end + 1;
}

function isEscaped(json: string, at: number): boolean {
  let slashes = 0;
  while (json.charCodeAt(at - 1 - slashes) === backslash) slashes++;
  return slashes % 2 === 1;
}

/** Index after the value that begins at `from`. */
function skipValue(json: string, from: number): number {
  let depth = 0;
  for (let at = from; at < json.length; at++) {
    const c = json.charCodeAt(at);
    if (c === quote) {
      at = skipString(json, at) - 1;
      if (depth === 0) return at + 1;
    } else if (c === openBrace || c === openBracket) depth++;
    else if (c === closeBrace || c === closeBracket) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (c === comma && depth === 0) return at;
  }
  return json.length;
}
