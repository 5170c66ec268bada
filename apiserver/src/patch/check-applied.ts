/** What is wrong with an applied configuration, in upstream's words: it is checked against the schema before anything is merged. */
import type { ListNode, Node } from "../schema/node.ts";
import { printElement } from "./field-set.ts";
import { goSyntax, goText, goTypeName } from "./go-text.ts";
import { isObject } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { elementOf, missingKey } from "./typed.ts";

/** One line a problem: `.spec.foo: field not declared in schema`. */
export function checkApplied(node: Node, value: unknown): string[] {
  const problems: string[] = [];
  check(node, value, "", problems);
  return problems;
}

/** The problems as one message. */
export const problemText = (problems: readonly string[]): string =>
  problems.length === 1 ? (problems[0] ?? "") : `errors:\n${problems.map((p) => `  ${p}`).join("\n")}`;

function check(node: Node, value: unknown, path: string, problems: string[]): void {
  if (value === null || value === undefined) return;
  switch (node.kind) {
    case "any":
    case "choice":
      return;
    case "scalar":
      return checkScalar(node.type, value, path, problems);
    case "list":
      return checkList(node, value, path, problems);
    case "map":
    case "object":
      if (!isObject(value)) {
        problems.push(`${path}: expected map, got &{${goText(value)}}`);
        return;
      }
      for (const key of Object.keys(value)) checkField(node, key, value, path, problems);
  }
}

function checkField(node: Node, key: string, object: JsonObject, path: string, problems: string[]): void {
  const here = `${path}.${key}`;
  const type =
    node.kind === "map"
      ? node.values
      : node.kind === "object"
        ? (node.fields.get(key)?.node ?? node.additional)
        : undefined;
  if (type) check(type, object[key], here, problems);
  else problems.push(`${here}: field not declared in schema`);
}

function checkScalar(type: string, value: unknown, path: string, problems: string[]): void {
  const isNumber = typeof value === "number";
  const isString = typeof value === "string";
  if (type === "boolean") {
    if (typeof value !== "boolean") problems.push(`${path}: expected boolean, got ${wrapped(value)}`);
  } else if (type === "int32" || type === "int64" || type === "double") {
    if (!isNumber) problems.push(`${path}: expected numeric (int or float), got ${goTypeName(value)}`);
  } else if (type === "quantity" || type === "intOrString") {
    if (!isNumber && !isString) problems.push(`${path}: expected any scalar, got &{${goText(value)}}`);
  } else if (!isString) problems.push(`${path}: expected string, got ${wrapped(value)}`);
}

function checkList(node: ListNode, value: unknown, path: string, problems: string[]): void {
  if (!Array.isArray(value)) {
    problems.push(`${path}: expected list, got &{${goText(value)}}`);
    return;
  }
  const seen = new Set<string>();
  for (const [i, item] of value.entries()) {
    if (node.listType === "atomic") {
      check(node.items, item, `${path}[${i}]`, problems);
      continue;
    }
    const element = elementOf(node, item);
    if (element === undefined) {
      problems.push(`${path}: element ${i}: ${keyProblem(node, item)}`);
      continue;
    }
    if (seen.has(element)) problems.push(`${path}: duplicate entries for key ${printElement(element)}`);
    seen.add(element);
    check(node.items, item, `${path}${printElement(element)}`, problems);
  }
}

const keyProblem = (node: ListNode, item: unknown): string =>
  isObject(item)
    ? `associative list with keys has an element that omits key field ${JSON.stringify(missingKey(node, item))} (and doesn't have default value)`
    : "associative list with keys may not have non-map elements";

/** Upstream shows its own wrapper of the value here. */
const wrapped = (value: unknown): string => `&value.valueUnstructured{Value:${goSyntax(value)}}`;
