/** What an expression may cost at most, reckoned before there is anything to run it on; the units are those of cel-go. */
import type { ASTNode } from "@coracle/shared/cel/library.ts";

/** What is known of a value by its type. */
export interface Shape {
  /** At most: bytes of a string, elements of a list or map; 0 for what has no size. */
  readonly size: number;
  /** Of an object. */
  readonly field?: (name: string) => Shape | undefined;
  /** Of a list, or of a map's values. */
  readonly element?: (() => Shape) | undefined;
  readonly isMap?: boolean;
}

interface Estimate {
  readonly cost: number;
  readonly shape: Shape;
}

type Scope = ReadonlyMap<string, Shape>;

const traversal = 0.1;
const regexFactor = 0.25;
const scalar: Shape = { size: 0 };
/** Of every element a loop looks at its condition, takes a step, and keeps what came of it. */
const loopStep = 3;

/** @param variables what the expression's variables are */
export function estimateCost(ast: ASTNode, variables: Readonly<Record<string, Shape>>): number {
  return estimate(ast, new Map(Object.entries(variables))).cost;
}

/** The library's nodes, whose arguments are what each operator makes of them. */
interface Node {
  readonly op: string;
  readonly args: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "op" in value && "args" in value;

function estimate(value: unknown, scope: Scope): Estimate {
  if (!isNode(value)) return { cost: 0, shape: scalar };
  const { op, args } = value;
  const parts = Array.isArray(args) ? (args as readonly unknown[]) : [args];
  switch (op) {
    case "value":
      return { cost: 0, shape: { size: typeof args === "string" ? Buffer.byteLength(args) : 0 } };
    case "id":
      return { cost: 1, shape: scope.get(String(args)) ?? scalar };
    case ".":
    case ".?": {
      const { cost, shape } = estimate(parts[0], scope);
      return { cost: cost + 1, shape: memberOf(shape, String(parts[1])) };
    }
    case "[]":
    case "[?]": {
      const [from, index] = parts.map((part) => estimate(part, scope));
      return { cost: 1 + (from?.cost ?? 0) + (index?.cost ?? 0), shape: from?.shape.element?.() ?? scalar };
    }
    case "?:": {
      const [test, yes, no] = parts.map((part) => estimate(part, scope));
      const cost = (test?.cost ?? 0) + Math.max(yes?.cost ?? 0, no?.cost ?? 0);
      const [a, b] = [yes?.shape ?? scalar, no?.shape ?? scalar];
      return { cost, shape: a.size >= b.size ? a : b };
    }
    case "list":
      return literal(parts, scope, 10);
    case "map":
      return literal(parts.flat(), scope, 30);
    case "call":
      return call(parts, scope);
    case "rcall":
      return methodCall(parts, scope);
    default:
      return operator(op, parts, scope);
  }
}

const memberOf = (shape: Shape, name: string): Shape => shape.field?.(name) ?? shape.element?.() ?? scalar;

function literal(parts: readonly unknown[], scope: Scope, base: number): Estimate {
  const all = parts.map((part) => estimate(part, scope));
  const largest = all.reduce((a, { shape }) => (shape.size > a.size ? shape : a), scalar);
  return { cost: base + sum(all), shape: { size: parts.length, element: () => largest } };
}

const sum = (all: readonly Estimate[]): number => all.reduce((total, { cost }) => total + cost, 0);
const share = (size: number): number => Math.ceil(size * traversal);

function operator(op: string, parts: readonly unknown[], scope: Scope): Estimate {
  const all = parts.map((part) => estimate(part, scope));
  const [left, right] = [all[0]?.shape ?? scalar, all[1]?.shape ?? scalar];
  const cost = sum(all);
  switch (op) {
    case "&&":
    case "||":
      return { cost, shape: scalar };
    // What has no size is compared for nothing, as there.
    case "==":
    case "!=":
      return { cost: cost + share(Math.min(left.size, right.size)), shape: scalar };
    case "<":
    case "<=":
    case ">":
    case ">=":
      return { cost: cost + Math.max(1, share(Math.min(left.size, right.size))), shape: scalar };
    case "in":
      return { cost: cost + (right.isMap ? 1 : right.size), shape: scalar };
    case "+":
      return {
        cost: cost + Math.max(1, share(left.size + right.size)),
        shape: { ...left, size: left.size + right.size },
      };
    default:
      return { cost: cost + 1, shape: scalar };
  }
}

function call([name, given]: readonly unknown[], scope: Scope): Estimate {
  const args = Array.isArray(given) ? (given as readonly unknown[]) : [];
  // What it asks for is not fetched.
  if (name === "has") return { cost: Math.max(0, estimate(args[0], scope).cost - 1), shape: scalar };
  const all = args.map((arg) => estimate(arg, scope));
  return { cost: sum(all) + functionCost(String(name), all), shape: resultOf(String(name), all) };
}

/** Macros that go through a list or map, with how many names they bind. */
const loops: Readonly<Record<string, number>> = { all: 1, exists: 1, exists_one: 1, filter: 1, map: 1 };
const twoNamed = new Set([
  "all",
  "exists",
  "existsOne",
  "transformList",
  "transformMap",
  "transformMapEntry",
]);

function methodCall([name, receiver, given]: readonly unknown[], scope: Scope): Estimate {
  const args = Array.isArray(given) ? (given as readonly unknown[]) : [];
  const method = String(name);
  if (method === "bind" && isNode(receiver) && receiver.op === "id" && receiver.args === "cel")
    return bind(args, scope);
  const names = args.filter((arg, i) => i < 2 && isNode(arg) && arg.op === "id").length;
  if (twoNamed.has(method) && names === 2 && args.length > 2)
    return loop({ method, receiver, args, names: 2 }, scope);
  if (loops[method] !== undefined && args.length > 1)
    return loop({ method, receiver, args, names: 1 }, scope);
  if ((method === "optMap" || method === "optFlatMap") && args.length === 2)
    return bind([args[0], receiver, args[1]], scope);
  const all = [receiver, ...args].map((part) => estimate(part, scope));
  return { cost: sum(all) + functionCost(method, all), shape: resultOf(method, all) };
}

const nameOf = (node: unknown): string => (isNode(node) && node.op === "id" ? String(node.args) : "");

function bind([name, value, body]: readonly unknown[], scope: Scope): Estimate {
  const bound = estimate(value, scope);
  const { cost, shape } = estimate(body, new Map(scope).set(nameOf(name), bound.shape));
  return { cost: bound.cost + cost + 1, shape };
}

interface Loop {
  readonly method: string;
  readonly receiver: unknown;
  readonly args: readonly unknown[];
  readonly names: 1 | 2;
}

function loop({ method, receiver, args, names }: Loop, scope: Scope): Estimate {
  const range = estimate(receiver, scope);
  const element = range.shape.element?.() ?? scalar;
  const inside = new Map(scope);
  // One name stands for a list's elements, but for a map's keys.
  if (names === 1) inside.set(nameOf(args[0]), range.shape.isMap ? scalar : element);
  else inside.set(nameOf(args[0]), scalar).set(nameOf(args[1]), element);
  const bodies = args.slice(names).map((body) => estimate(body, inside));
  const cost = range.cost + range.shape.size * (loopStep + sum(bodies)) + 1;
  if (method === "filter") return { cost, shape: range.shape };
  const result = bodies.at(-1)?.shape ?? scalar;
  const isList = method === "map" || method.startsWith("transform");
  return { cost, shape: isList ? { size: range.shape.size, element: () => result } : scalar };
}

/** Beyond what its arguments cost. */
function functionCost(name: string, all: readonly Estimate[]): number {
  const size = (i: number): number => all[i]?.shape.size ?? 0;
  switch (name) {
    case "contains":
      return Math.max(1, share(size(0))) * Math.max(1, share(size(1)));
    case "startsWith":
    case "endsWith":
      return Math.max(1, share(size(1)));
    case "matches":
    case "find":
    case "findAll":
      return Math.max(1, share(size(0))) * Math.max(1, Math.ceil(size(1) * regexFactor));
    case "isSorted":
    case "sum":
    case "min":
    case "max":
    case "indexOf":
    case "lastIndexOf":
      return Math.max(1, size(0), share(size(0)));
    case "lowerAscii":
    case "upperAscii":
    case "replace":
    case "split":
    case "trim":
    case "substring":
    case "join":
    case "string":
    case "bytes":
    case "url":
    case "isURL":
    case "quantity":
    case "isQuantity":
      return Math.max(1, share(size(0)));
    default:
      return 1;
  }
}

const keepsSize = new Set([
  "lowerAscii",
  "upperAscii",
  "trim",
  "substring",
  "replace",
  "string",
  "bytes",
  "dyn",
  "orValue",
  "value",
  "optional",
]);

function resultOf(name: string, all: readonly Estimate[]): Shape {
  const shape = all[0]?.shape ?? scalar;
  if (keepsSize.has(name)) return shape;
  if (name === "split" || name === "findAll") return { size: shape.size, element: () => shape };
  return name === "find" || name === "join" ? { size: shape.size } : scalar;
}
