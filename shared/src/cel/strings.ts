/** Functions on strings beyond the language's own, as Kubernetes has them. */
import { Duration, type Environment } from "./library.ts";
import { fromCel } from "./values.ts";

export function registerStrings(environment: Environment): void {
  const at = (text: string, index: bigint): string => {
    const i = Number(index);
    if (i < 0 || i > text.length) throw new Error(`index out of range: ${i}`);
    return text.charAt(i);
  };
  environment
    .registerFunction("string.charAt(int): string", at)
    .registerFunction("string.replace(string, string): string", (s: string, a: string, b: string) =>
      s.replaceAll(a, () => b),
    )
    .registerFunction(
      "string.replace(string, string, int): string",
      (s: string, a: string, b: string, n: bigint) => replaceTimes(s, a, b, Number(n)),
    )
    .registerFunction("string.reverse(): string", (s: string) => Array.from(s).toReversed().join(""))
    .registerFunction("string.format(list): string", (s: string, values: readonly unknown[]) =>
      format(s, values),
    )
    .registerFunction(
      "string.find(string): string",
      (s: string, form: string) => regex(form).exec(s)?.[0] ?? "",
    )
    .registerFunction("string.findAll(string): list<string>", (s: string, form: string) =>
      findAll(s, form, -1),
    )
    .registerFunction("string.findAll(string, int): list<string>", (s: string, form: string, limit: bigint) =>
      findAll(s, form, Number(limit)),
    )
    .registerType("strings.Namespace", Strings)
    .registerConstant("strings", "strings.Namespace", new Strings())
    .registerFunction("strings.Namespace.quote(string): string", (_: Strings, s: string) =>
      JSON.stringify(s),
    );
}

class Strings {
  readonly name = "strings";
}

function replaceTimes(text: string, from: string, to: string, times: number): string {
  if (times < 0) return text.replaceAll(from, () => to);
  let out = text;
  let at = 0;
  for (let n = 0; n < times; n++) {
    const found = out.indexOf(from, at);
    if (found < 0) break;
    out = out.slice(0, found) + to + out.slice(found + from.length);
    at = found + to.length + (from === "" ? 1 : 0);
  }
  return out;
}

const compiled = new Map<string, RegExp>();

/** What RE2 writes otherwise than JavaScript, as far as rules and patterns use it. */
const translations: readonly (readonly [RegExp, string])[] = [
  [/\(\?P</g, "(?<"],
  [/\\A/g, "^"],
  [/\\z/g, "$"],
  [/\[:alnum:\]/g, "0-9A-Za-z"],
  [/\[:alpha:\]/g, "A-Za-z"],
  [/\[:digit:\]/g, "0-9"],
  [/\[:lower:\]/g, "a-z"],
  [/\[:upper:\]/g, "A-Z"],
  [/\[:space:\]/g, String.raw`\s`],
  [/\[:word:\]/g, String.raw`\w`],
  [/\[:xdigit:\]/g, "0-9A-Fa-f"],
];

/** A regular expression in RE2's syntax; flags at its start apply to all of it. @throws SyntaxError */
export function regex(form: string): RegExp {
  let found = compiled.get(form);
  if (!found) {
    const flags = /^\(\?([ims]+)\)/.exec(form);
    let body = flags ? form.slice(flags[0].length) : form;
    for (const [from, to] of translations) body = body.replaceAll(from, () => to);
    // Classes of Unicode characters need its mode, which is stricter in all else.
    found = new RegExp(body, `${flags?.[1] ?? ""}${/\\[pP]\{/.test(body) ? "u" : ""}`);
    if (compiled.size > 1000) compiled.clear();
    compiled.set(form, found);
  }
  return found;
}

function findAll(text: string, form: string, limit: number): string[] {
  const all = Array.from(text.matchAll(new RegExp(regex(form), "g")), (match) => match[0]);
  return limit < 0 ? all : all.slice(0, limit);
}

/** `%s %d %f %e %b %o %x %X %%`, with a precision. */
function format(text: string, values: readonly unknown[]): string {
  let next = 0;
  const out = text.replaceAll(
    /%(?:\.(\d+))?([sdfeboxX%])/g,
    (_, digits: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (next >= values.length) throw new Error(`index ${next} out of range`);
      return formatOne(verb, values[next++], digits === undefined ? 6 : Number(digits));
    },
  );
  return out;
}

function formatOne(verb: string, value: unknown, precision: number): string {
  switch (verb) {
    case "s":
      return textOf(value);
    case "d":
      if (typeof value !== "bigint") throw new Error("decimal clause can only be used on integers");
      return String(value);
    case "f":
      return Number(value).toFixed(precision);
    case "e":
      return Number(value).toExponential(precision);
    case "b":
      return typeof value === "boolean" ? (value ? "1" : "0") : (value as bigint).toString(2);
    case "o":
      return (value as bigint).toString(8);
    default: {
      const hex =
        typeof value === "string"
          ? Buffer.from(value).toString("hex")
          : value instanceof Uint8Array
            ? Buffer.from(value).toString("hex")
            : (value as bigint).toString(16);
      return verb === "X" ? hex.toUpperCase() : hex;
    }
  }
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Date) return value.toISOString().replace(".000Z", "Z");
  if (value instanceof Duration) return String(value);
  if (Array.isArray(value)) return `[${value.map(textOf).join(", ")}]`;
  if (value instanceof Map) {
    return `{${[...value]
      .map(([k, v]) => `${textOf(k)}: ${textOf(v)}`)
      .toSorted()
      .join(", ")}}`;
  }
  return typeof value === "object" && value !== null ? JSON.stringify(fromCel(value)) : String(value);
}
