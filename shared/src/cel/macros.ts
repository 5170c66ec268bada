/** Comprehensions over keys and values at once, and those of optionals. */
import { Optional, type ASTNode, type Environment } from "./library.ts";

/** What the library hands a macro; it has types for neither. */
interface Scope {
  forkWithVariable(name: string, type: unknown): Overlay;
}
interface Overlay extends Scope {
  reuse(parent: Scope): Overlay;
  setIterValue(value: unknown, evaluator: Evaluator): Overlay;
}
interface CheckedType {
  readonly kind: string;
  readonly keyType?: CheckedType;
  readonly valueType?: CheckedType;
}
interface Checker {
  check(ast: ASTNode, ctx: Scope): CheckedType;
  getType(name: string): CheckedType;
}
interface Evaluator {
  run(ast: ASTNode, ctx: Scope): unknown;
}
interface Call {
  readonly args: readonly ASTNode[];
  readonly receiver: ASTNode;
}
interface Macro {
  typeCheck(checker: Checker, macro: Macro, ctx: Scope): CheckedType;
  evaluate(evaluator: Evaluator, macro: Macro, ctx: Scope): unknown;
}

function nameOf(node: ASTNode | undefined): string {
  if (node?.op === "id") return node.args;
  throw new Error("the iteration variable of a macro must be a name");
}

/** Runs `body` for each key and value, both visible under their names. */
type Each = (visit: (body: (index: number) => unknown) => boolean) => void;
type Reduce = (each: Each) => unknown;

/** A macro `receiver.name(key, value, …expressions)`. */
function twoVariables(result: string, bodies: number, reduce: Reduce) {
  return ({ args, receiver }: Call): Macro => {
    const [keyName, valueName] = [nameOf(args[0]), nameOf(args[1])];
    const expressions = args.slice(2, 2 + bodies);
    let outer: Overlay;
    let inner: Overlay;
    return {
      typeCheck(checker, _macro, ctx) {
        const type = checker.check(receiver, ctx);
        const dyn = checker.getType("dyn");
        outer = ctx.forkWithVariable(
          keyName,
          type.kind === "list" ? checker.getType("int") : (type.keyType ?? dyn),
        );
        inner = outer.forkWithVariable(valueName, type.valueType ?? dyn);
        for (const expression of expressions) checker.check(expression, inner);
        return checker.getType(result);
      },
      evaluate(evaluator, _macro, ctx) {
        const entries = entriesOf(evaluator.run(receiver, ctx));
        return reduce((visit) => {
          for (const [key, value] of entries) {
            const scope = inner
              .reuse(outer.reuse(ctx).setIterValue(key, evaluator))
              .setIterValue(value, evaluator);
            const body = (index: number): unknown => evaluator.run(expressions[index] as ASTNode, scope);
            if (!visit(body)) return;
          }
        });
      },
    };
  };
}

function entriesOf(value: unknown): [unknown, unknown][] {
  if (Array.isArray(value)) return value.map((item, i) => [BigInt(i), item as unknown]);
  if (value instanceof Map) return [...value.entries()];
  if (typeof value === "object" && value !== null) return Object.entries(value);
  throw new Error("only lists and maps can be iterated over");
}

/** Errors of one element do not matter when another decides. */
function quantifier(decides: boolean): Reduce {
  return (each) => {
    let failure: unknown;
    let result = !decides;
    each((body) => {
      try {
        if (body(0) === decides) result = decides;
      } catch (error) {
        failure ??= error;
      }
      return result !== decides;
    });
    if (result !== decides && failure !== undefined) throw failure;
    return result;
  };
}

const exactlyOne: Reduce = (each) => {
  let count = 0;
  each((body) => {
    if (body(0) === true) count++;
    return true;
  });
  return count === 1;
};

/** `transform` adds to what is collected; with a filter the expression before it decides. */
function collect<T>(make: () => T, add: (into: T, body: (i: number) => unknown) => void): Reduce {
  return (each) => {
    const into = make();
    each((body) => {
      add(into, body);
      return true;
    });
    return into;
  };
}

/** The key of the element is not given to a body; a map's transformation needs it. */
function transformMap(bodies: number) {
  return ({ args, receiver }: Call): Macro => {
    const keyNode = args[0] as ASTNode;
    const last = bodies - 1;
    const reduce = collect(
      () => new Map<unknown, unknown>(),
      (into, body) => {
        if (bodies === 2 && body(0) !== true) return;
        into.set(body(bodies), body(last));
      },
    );
    return twoVariables("map", bodies + 1, reduce)({ args: [...args, keyNode], receiver });
  };
}

/** A macro on an optional: `opt.optMap(x, expression)`. */
function optionalMacro(wrap: (value: unknown) => unknown) {
  return ({ args, receiver }: Call): Macro => {
    const name = nameOf(args[0]);
    const expression = args[1] as ASTNode;
    let scope: Overlay;
    return {
      typeCheck(checker, _macro, ctx) {
        const type = checker.check(receiver, ctx);
        scope = ctx.forkWithVariable(name, type.valueType ?? checker.getType("dyn"));
        checker.check(expression, scope);
        return checker.getType("optional");
      },
      evaluate(evaluator, _macro, ctx) {
        const optional = evaluator.run(receiver, ctx);
        if (!(optional instanceof Optional)) throw new Error("the receiver must be optional");
        if (!optional.hasValue()) return Optional.none();
        return wrap(evaluator.run(expression, scope.reuse(ctx).setIterValue(optional.value(), evaluator)));
      },
    };
  };
}

export function registerMacros(environment: Environment): void {
  const list = (): unknown[] => [];
  const macros: Readonly<Record<string, (call: Call) => Macro>> = {
    "list.all(ast, ast, ast): bool": twoVariables("bool", 1, quantifier(false)),
    "list.exists(ast, ast, ast): bool": twoVariables("bool", 1, quantifier(true)),
    "list.existsOne(ast, ast, ast): bool": twoVariables("bool", 1, exactlyOne),
    "list.exists_one(ast, ast, ast): bool": twoVariables("bool", 1, exactlyOne),
    "list.existsOne(ast, ast): bool": oneVariable,
    "list.transformList(ast, ast, ast): list": twoVariables(
      "list",
      1,
      collect(list, (into, body) => void into.push(body(0))),
    ),
    "list.transformList(ast, ast, ast, ast): list": twoVariables(
      "list",
      2,
      collect(list, (into, body) => {
        if (body(0) === true) into.push(body(1));
      }),
    ),
    "list.transformMap(ast, ast, ast): map": transformMap(1),
    "list.transformMap(ast, ast, ast, ast): map": transformMap(2),
    "list.transformMapEntry(ast, ast, ast): map": twoVariables("map", 1, mapEntries(0)),
    "list.transformMapEntry(ast, ast, ast, ast): map": twoVariables("map", 2, mapEntries(1)),
    "optional.optMap(ast, ast): optional": optionalMacro((value) => Optional.of(value)),
    "optional.optFlatMap(ast, ast): optional": optionalMacro((value) => value),
  };
  for (const [signature, macro] of Object.entries(macros)) environment.registerFunction(signature, macro);
}

function mapEntries(index: number): Reduce {
  return collect(
    () => new Map<unknown, unknown>(),
    (into, body) => {
      if (index === 1 && body(0) !== true) return;
      for (const [key, value] of entriesOf(body(index))) into.set(key, value);
    },
  );
}

/** `existsOne(x, …)`: the value alone has a name; the key goes by one that nobody can write. */
const oneVariable = ({ args, receiver }: Call): Macro => {
  const value = args[0] as ASTNode;
  const hidden = { ...value, op: "id", args: "$key" } as unknown as ASTNode;
  return twoVariables("bool", 1, exactlyOne)({ args: [hidden, ...args], receiver });
};
