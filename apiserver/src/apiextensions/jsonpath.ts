/** JSON paths as kubectl writes them, for printer columns, scale and selectable fields. */
import { equal, isObject } from "../patch/json.ts";

type Step =
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "slice"; readonly from: number | undefined; readonly to: number | undefined }
  | { readonly kind: "all" }
  | { readonly kind: "deep"; readonly name: string }
  | { readonly kind: "filter"; readonly path: readonly Step[]; readonly compare: Compare | undefined };

interface Compare {
  readonly operator: string;
  readonly value: unknown;
}

export interface JsonPath {
  /** Every value that the path leads to. */
  find(value: unknown): unknown[];
  /** Names of fields, when it has nothing else; such a path leads to one place. */
  readonly fields: readonly string[] | undefined;
}

/** @throws Error for what is not a path */
export function parseJsonPath(text: string): JsonPath {
  const steps = parseSteps(
    text
      .trim()
      .replace(/^\{(.*)\}$/s, "$1")
      .replace(/^\$/, ""),
    text,
  );
  const fields = steps.every((s) => s.kind === "field") ? steps.map((s) => s.name) : undefined;
  return { find: (value) => walk(steps, [value]), fields };
}

const stepForms: readonly [RegExp, (match: RegExpExecArray, text: string) => Step][] = [
  [/^\.\.([^.[\]]+)/, ([, name = ""]) => ({ kind: "deep", name })],
  [/^\.\*|^\[\*\]/, () => ({ kind: "all" })],
  [/^\.((?:[^.[\]\\]|\\.)+)/, ([, name = ""]) => ({ kind: "field", name: name.replaceAll(/\\(.)/g, "$1") })],
  [/^\['((?:[^'\\]|\\.)*)'\]/, ([, name = ""]) => ({ kind: "field", name: name.replaceAll(/\\(.)/g, "$1") })],
  [/^\["((?:[^"\\]|\\.)*)"\]/, ([, name = ""]) => ({ kind: "field", name: name.replaceAll(/\\(.)/g, "$1") })],
  [/^\[(-?\d+)\]/, ([, index = "0"]) => ({ kind: "index", index: Number(index) })],
  [
    /^\[(-?\d*):(-?\d*)\]/,
    ([, from = "", to = ""]) => ({ kind: "slice", from: numberOf(from), to: numberOf(to) }),
  ],
  [/^\[\?\((.*?)\)\]/, ([, filter = ""], text) => parseFilter(filter, text)],
];

const numberOf = (text: string): number | undefined => (text === "" ? undefined : Number(text));

function parseSteps(path: string, whole: string): Step[] {
  const steps: Step[] = [];
  let rest = path;
  // The first field may stand without its dot.
  if (/^[^.[]/.test(rest)) rest = `.${rest}`;
  while (rest !== "" && rest !== ".") {
    let matched = false;
    for (const [form, make] of stepForms) {
      const match = form.exec(rest);
      if (!match) continue;
      steps.push(make(match, whole));
      rest = rest.slice(match[0].length);
      matched = true;
      break;
    }
    if (!matched)
      throw new Error(`unrecognized character in path ${JSON.stringify(whole)} at ${JSON.stringify(rest)}`);
  }
  return steps;
}

function parseFilter(text: string, whole: string): Step {
  const match = /^\s*@(.*?)(?:\s*(==|!=|<=|>=|<|>)\s*(.+?))?\s*$/s.exec(text);
  if (!match) throw new Error(`unrecognized filter in path ${JSON.stringify(whole)}`);
  const [, path = "", operator, literal] = match;
  const compare = operator && literal ? { operator, value: literalOf(literal, whole) } : undefined;
  return { kind: "filter", path: parseSteps(path, whole), compare };
}

function literalOf(text: string, whole: string): unknown {
  const quoted = /^'(.*)'$|^"(.*)"$/s.exec(text);
  if (quoted) return quoted[1] ?? quoted[2];
  if (text === "true" || text === "false") return text === "true";
  const number = Number(text);
  if (Number.isNaN(number)) throw new Error(`unrecognized literal ${text} in path ${JSON.stringify(whole)}`);
  return number;
}

const walk = (steps: readonly Step[], values: readonly unknown[]): unknown[] =>
  steps.reduce<unknown[]>((found, step) => found.flatMap((value) => take(step, value)), [...values]);

function take(step: Step, value: unknown): unknown[] {
  switch (step.kind) {
    case "field":
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case "index": {
      const item: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case "slice":
      return Array.isArray(value) ? (value.slice(step.from, step.to) as unknown[]) : [];
    case "all":
      return children(value);
    case "deep":
      return [
        ...take({ kind: "field", name: step.name }, value),
        ...children(value).flatMap((v) => take(step, v)),
      ];
    case "filter":
      return children(value).filter((item) => passes(step, item));
  }
}

const children = (value: unknown): unknown[] =>
  Array.isArray(value) ? (value as unknown[]) : isObject(value) ? Object.values(value) : [];

function passes({ path, compare }: Extract<Step, { kind: "filter" }>, item: unknown): boolean {
  const found = walk(path, [item]);
  if (!compare) return found.length > 0;
  const [value] = found;
  if (value === undefined) return false;
  const { operator, value: literal } = compare;
  if (operator === "==") return equal(value, literal);
  if (operator === "!=") return !equal(value, literal);
  const [a, b] = [value as number | string, literal as number | string];
  if (operator === "<") return a < b;
  if (operator === "<=") return a <= b;
  return operator === ">" ? a > b : a >= b;
}
