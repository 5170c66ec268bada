import { badRequest } from "../errors.ts";

/** Field selectors: `metadata.name=web,status.phase!=Running`. */
export interface FieldRequirement {
  readonly field: string;
  readonly negated: boolean;
  readonly value: string;
}

/** Splits at unescaped commas; `\,`, `\=` and `\\` stand for themselves. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let term = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? "";
    if (c === "\\") {
      term += c + (text[i + 1] ?? "");
      i += 1;
    } else if (c === ",") {
      terms.push(term);
      term = "";
    } else term += c;
  }
  terms.push(term);
  return terms.filter((t) => t !== "");
}

function unescapeValue(text: string): string {
  let value = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? "";
    if (c === "," || c === "=")
      throw badRequest(`invalid field selector: unescaped character in value: ${text}`);
    if (c !== "\\") {
      value += c;
      continue;
    }
    const escaped = text[++i] ?? "";
    if (!["\\", ",", "="].includes(escaped))
      throw badRequest(`invalid field selector: invalid escape sequence: \\${escaped}`);
    value += escaped;
  }
  return value;
}

/** @throws ApiError 400 */
export function parseFieldSelector(text: string | undefined): readonly FieldRequirement[] {
  if (!text) return [];
  return splitTerms(text).map((term) => {
    const match = /^([^=!]+)(!=|==|=)(.*)$/s.exec(term);
    if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    return { field: match[1] ?? "", negated: match[2] === "!=", value: unescapeValue(match[3] ?? "") };
  });
}

/** `read` gives the value of a field of the object at hand; an unknown field is "". */
export const fieldsMatch = (
  requirements: readonly FieldRequirement[],
  read: (field: string) => string,
): boolean => requirements.every((r) => (read(r.field) === r.value) !== r.negated);

export const escapeFieldValue = (value: string): string => value.replaceAll(/[\\,=]/g, (c) => `\\${c}`);
