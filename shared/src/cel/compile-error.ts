/** A mistake in an expression, told as the compiler of upstream tells it. */
import { CelTypeError, EvaluationError, ParseError } from "./library.ts";

/** The expression itself is wrong; the message is in the form of a compiler's. */
export class CelCompileError extends Error {
  /** What the library calls the mistake: `no_such_key`, `unknown_variable`, … */
  readonly code: string;
  /** The message without what went before it: `ERROR: <input>:1:5: …`. */
  readonly text: string;
  constructor(text: string, code: string) {
    super(`compilation failed: ${text}`);
    this.name = "CelCompileError";
    this.text = text;
    this.code = code;
  }
}

export type LibraryError = ParseError | EvaluationError | CelTypeError;
export const isLibraryError = (error: unknown): error is LibraryError =>
  error instanceof ParseError || error instanceof EvaluationError || error instanceof CelTypeError;

/** Words and place of what the library found wrong in an expression. */
export function compileError(
  expression: string,
  error: unknown,
  isFunction: (name: string) => boolean,
): CelCompileError {
  if (!isLibraryError(error)) return new CelCompileError(String(error), "unknown");
  const operator = operatorOf(error);
  const call = callOf(error);
  const place = call ? placeOfCall(expression, error, call) : placeOf(expression, error, operator);
  const before = expression.slice(0, place).split("\n");
  const line = before.length;
  const column = before.at(-1)?.length ?? 0;
  const source = expression.split("\n")[line - 1] ?? "";
  const words = operator
    ? `found no matching overload for '${operatorNames[operator.sign] ?? `_${operator.sign}_`}' applied to '(${operator.left}, ${operator.right})'`
    : call
      ? callWords(call, isFunction)
      : compilerWords(error);
  return new CelCompileError(
    `ERROR: <input>:${line}:${column + 1}: ${words}\n | ${source}\n | ${".".repeat(column)}^`,
    error.code,
  );
}

interface Operator {
  readonly sign: string;
  readonly left: string;
  readonly right: string;
}

interface FunctionCall {
  /** The type of what a method is called on. */
  readonly receiver: string | undefined;
  readonly name: string;
  readonly args: string;
}

/** The call that no function fits. */
function callOf({ code, summary }: LibraryError): FunctionCall | undefined {
  if (code !== "no_matching_overload") return undefined;
  const [, receiver, name, args = ""] =
    /^found no matching overload for '(?:(.+)\.)?(\w+)\((.*)\)'$/.exec(summary) ?? [];
  return name === undefined ? undefined : { receiver, name, args };
}

function callWords({ receiver, name, args }: FunctionCall, isFunction: (name: string) => boolean): string {
  if (!isFunction(name)) return `undeclared reference to '${name}' (in container '')`;
  const types = receiver === undefined ? `(${args})` : `${receiver}.(${args})`;
  return `found no matching overload for '${name}' applied to '${types}'`;
}

/** Upstream points at the parenthesis. */
function placeOfCall(expression: string, error: LibraryError, { name }: FunctionCall): number {
  const start = error.range?.start ?? 0;
  const at = expression.indexOf(`${name}(`, start);
  return at < 0 ? start : at + name.length;
}

const operatorNames: Readonly<Record<string, string>> = { in: "@in" };

/** The binary operator whose operands do not fit, with their types. */
function operatorOf({ code, summary }: LibraryError): Operator | undefined {
  if (code !== "no_such_overload") return undefined;
  const [, left, sign, right] =
    /^no such overload: (.+?) (==|!=|<=|>=|<|>|\+|-|\*|\/|%|in|&&|\|\|) (.+)$/.exec(summary) ?? [];
  return left && sign && right ? { sign, left, right } : undefined;
}

/** Upstream points at the dot before a field and at an operator, the library at where the expression begins. */
function placeOf(expression: string, error: LibraryError, operator: Operator | undefined): number {
  const start = error.range?.start ?? 0;
  if (error.code === "no_such_key" && expression[start - 1] === ".") return start - 1;
  const operands: unknown = operator && error.node && "args" in error.node ? error.node.args : undefined;
  const [first] = Array.isArray(operands) ? (operands as { readonly end?: number }[]) : [];
  return operator && first?.end !== undefined ? expression.indexOf(operator.sign, first.end) : start;
}

function compilerWords({ code, summary }: LibraryError): string {
  const subject = /: (.*)$/s.exec(summary)?.[1] ?? "";
  switch (code) {
    case "unknown_variable":
      return `undeclared reference to '${subject}' (in container '')`;
    case "no_such_key":
      return `undefined field '${subject}'`;
    default:
      return summary.startsWith("Unexpected") ? `Syntax error: ${summary.toLowerCase()}` : summary;
  }
}
