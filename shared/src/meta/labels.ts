import type { LabelSelector } from "../api/generated/meta-v1.ts";
import { badRequest } from "../errors.ts";

/** Label selectors: the string form of queries, the LabelSelector object of specs, and the plain map of older kinds. */
export type Labels = Readonly<Record<string, string>>;

export type Operator = "in" | "notin" | "=" | "!=" | "exists" | "!" | "gt" | "lt";

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

export interface Selector {
  matches(labels: Labels | undefined): boolean;
  /** No requirement at all: every object matches. */
  readonly isEverything: boolean;
  readonly requirements: readonly Requirement[];
  /** The string form, as clients pass it in a query. */
  toString(): string;
}

const NONE: Labels = Object.freeze({});
const has = (labels: Labels, key: string): boolean => Object.hasOwn(labels, key);
const INTEGER = /^[+-]?\d+$/;

function satisfied(requirement: Requirement, labels: Labels): boolean {
  const { key, values } = requirement;
  const present = has(labels, key);
  const value = labels[key] ?? "";
  switch (requirement.operator) {
    case "=":
    case "in":
      return present && values.includes(value);
    case "!=":
    case "notin":
      return !present || !values.includes(value);
    case "exists":
      return present;
    case "!":
      return !present;
    case "gt":
    case "lt": {
      if (!present || !INTEGER.test(value)) return false;
      const [a, b] = [BigInt(value), BigInt(values[0] ?? "0")];
      return requirement.operator === "gt" ? a > b : a < b;
    }
  }
}

function printRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "=":
    case "!=":
      return `${key}${operator}${values[0] ?? ""}`;
    case "gt":
      return `${key}>${values[0] ?? ""}`;
    case "lt":
      return `${key}<${values[0] ?? ""}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${values.toSorted().join(",")})`;
  }
}

/** A selector of the given requirements; all must hold. */
export const selectorOf = (requirements: readonly Requirement[]): Selector => ({
  requirements,
  isEverything: requirements.length === 0,
  matches: (labels) => requirements.every((r) => satisfied(r, labels ?? NONE)),
  toString: () =>
    requirements
      .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
      .map(printRequirement)
      .join(","),
});

export const everything: Selector = selectorOf([]);
export const nothing: Selector = {
  requirements: [],
  isEverything: false,
  matches: () => false,
  toString: () => "<nothing>",
};

/** Of a plain map (Service, ReplicationController). An absent or empty map selects everything; callers decide what that means. */
export const selectorFromMap = (labels: Labels | undefined): Selector =>
  selectorOf(Object.entries(labels ?? NONE).map(([key, value]) => ({ key, operator: "=", values: [value] })));

const OBJECT_OPERATORS: Readonly<Record<string, Operator>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
  Gt: "gt",
  Lt: "lt",
};

/** Of a LabelSelector object: absent selects nothing, an empty one everything. @throws Error for an operator that does not exist. */
export function selectorFromObject(selector: LabelSelector | undefined): Selector {
  if (!selector) return nothing;
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? NONE).map(([key, value]) => ({
    key,
    operator: "=",
    values: [value],
  }));
  for (const expression of selector.matchExpressions ?? []) {
    const operator = OBJECT_OPERATORS[expression.operator];
    if (!operator) throw new Error(`"${expression.operator}" is not a valid label selector operator`);
    requirements.push({ key: expression.key, operator, values: expression.values ?? [] });
  }
  return selectorOf(requirements);
}

const NAME = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

/** A label or annotation key: an optional DNS prefix and a name. */
export function isQualifiedName(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash < 0) return NAME.test(key);
  const prefix = key.slice(0, slash);
  return prefix.length <= 253 && PREFIX.test(prefix) && NAME.test(key.slice(slash + 1));
}
export const isLabelValue = (value: string): boolean => value.length <= 63 && VALUE.test(value);

const TOKEN = /\s*(!=|==|=|!|,|\(|\)|<|>|[^\s!=,()<>]+)/y;

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (!match) throw badSelector("unexpected character");
    tokens.push(match[1] ?? "");
  }
  return tokens;
}

const badSelector = (why: string): Error => badRequest(`unable to parse requirement: ${why}`);

/** Says what is wrong with a key or a value of a selector; what is wrong with nothing is an empty list. */
export interface SelectorRules {
  readonly key: (key: string) => string[];
  readonly value: (value: string) => string[];
}
const plainRules: SelectorRules = {
  key: (key) => (isQualifiedName(key) ? [] : ["not a label key"]),
  value: (value) => (isLabelValue(value) ? [] : ["not a label value"]),
};

/** Parses the string form (`app=web,tier in (a,b),!old`). @throws ApiError 400 */
export function parseSelector(text: string | undefined, rules = plainRules): Selector {
  if (!text?.trim()) return everything;
  const parser = new SelectorParser(text, rules);
  return selectorOf(parser.requirements());
}

const invalidValue = (value: string, wrong: readonly string[]): string =>
  `Invalid value: ${JSON.stringify(value)}: ${wrong.join("; ")}`;

class SelectorParser {
  readonly #tokens: string[];
  readonly #rules: SelectorRules;
  #at = 0;

  constructor(text: string, rules: SelectorRules) {
    this.#tokens = tokenize(text);
    this.#rules = rules;
  }

  requirements(): Requirement[] {
    const found: Requirement[] = [];
    for (;;) {
      found.push(this.#requirement());
      const separator = this.#next();
      if (separator === undefined) return found;
      if (separator !== ",") throw badSelector(`found '${separator}', expected: ',' or 'end of string'`);
    }
  }

  #next(): string | undefined {
    return this.#tokens[this.#at++];
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #key(): string {
    const key = this.#next() ?? "";
    const wrong = this.#rules.key(key);
    // A key stands in no field: that is how upstream prints its path.
    if (wrong.length > 0) throw badSelector(`<nil>: ${invalidValue(key, wrong)}`);
    return key;
  }

  #requirement(): Requirement {
    if (this.#peek() === "!") {
      this.#at += 1;
      return { key: this.#key(), operator: "!", values: [] };
    }
    const key = this.#key();
    const operator = this.#peek();
    if (operator === undefined || operator === ",") return { key, operator: "exists", values: [] };
    this.#at += 1;
    switch (operator) {
      case "=":
      case "==":
        return { key, operator: "=", values: [this.#value(key)] };
      case "!=":
        return { key, operator: "!=", values: [this.#value(key)] };
      case ">":
      case "<":
        return { key, operator: operator === ">" ? "gt" : "lt", values: [this.#integer(key)] };
      case "in":
      case "notin":
        return { key, operator, values: this.#set(key) };
      default:
        throw badSelector(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  /** A value may be empty: `a=` and `a=,b=c`. */
  #value(key: string, index = 0): string {
    const token = this.#peek();
    if (token === undefined || token === "," || token === ")") return "";
    this.#at += 1;
    const wrong = this.#rules.value(token);
    if (wrong.length > 0) throw badSelector(`values[${index}][${key}]: ${invalidValue(token, wrong)}`);
    return token;
  }

  #integer(key: string): string {
    const value = this.#value(key);
    if (!INTEGER.test(value)) throw badSelector("for 'Gt', 'Lt' operators, the value must be an integer");
    return value;
  }

  #set(key: string): string[] {
    if (this.#next() !== "(") throw badSelector("expected: '('");
    const values = [this.#value(key)];
    for (;;) {
      const token = this.#next();
      if (token === ")") return values;
      if (token !== ",") throw badSelector("expected: ',' or ')'");
      values.push(this.#value(key, values.length));
    }
  }
}
