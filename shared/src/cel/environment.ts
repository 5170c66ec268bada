/** Expressions compiled and run with Kubernetes' functions. */
import { compileError, isLibraryError } from "./compile-error.ts";
import { Environment, type ASTNode } from "./library.ts";
import { registerLists } from "./lists.ts";
import { registerMacros } from "./macros.ts";
import { registerNetwork } from "./network.ts";
import { registerQuantity } from "./quantity.ts";
import { registerSemver } from "./semver.ts";
import { registerStrings } from "./strings.ts";
import { registerUrls } from "./urls.ts";
import { rewriteHas, rewriteStructs, rootNames } from "./tokens.ts";

/** An expression ready to be run many times. */
export interface Program {
  readonly expression: string;
  readonly ast: ASTNode;
  /** The type of its result as far as it is known: `bool`, `string`, `dyn`, … */
  readonly type: string;
  /** Names of the declared variables it looks at. */
  uses(variable: string): boolean;
  /** @throws CelRuntimeError */
  run(variables: Readonly<Record<string, unknown>>): unknown;
}

/** The expression failed on these values. */
export class CelRuntimeError extends Error {}

let shared: Environment | undefined;

/** Longer or deeper expressions than these are refused, whatever they compute. */
const limits = { maxAstNodes: 20_000, maxDepth: 200, maxListElements: 2_000, maxMapEntries: 2_000 };

/** An environment with the functions of Kubernetes and no variable; the API server adds its formats. */
export function commonEnvironment(): Environment {
  if (!shared) {
    shared = new Environment({
      unlistedVariablesAreDyn: false,
      homogeneousAggregateLiterals: false,
      enableOptionalTypes: true,
      limits,
    });
    for (const register of [
      registerStrings,
      registerLists,
      registerMacros,
      registerUrls,
      registerQuantity,
      registerNetwork,
      registerSemver,
    ])
      register(shared);
  }
  return shared.clone();
}

/**
 * Compiles an expression. Structs (`Object{…}`, `JSONPatch{…}`) become maps.
 * @throws CelCompileError (see compile-error.ts)
 */
export function compile(environment: Environment, expression: string): Program {
  try {
    const parsed = environment.parse(rewriteHas(rewriteStructs(expression)));
    const checked = parsed.check();
    if (!checked.valid) throw checked.error ?? new Error("invalid expression");
    const names = rootNames(expression);
    return {
      expression,
      ast: parsed.ast,
      type: checked.type ?? "dyn",
      uses: (variable) => names.has(variable),
      run(variables) {
        try {
          return parsed(variables) as unknown;
        } catch (error) {
          throw new CelRuntimeError(runtimeMessage(error), { cause: error });
        }
      },
    };
  } catch (error) {
    const isFunction = (name: string): boolean =>
      environment.getDefinitions().functions.some((known) => known.name === name);
    throw compileError(expression, error, isFunction);
  }
}

function runtimeMessage(error: unknown): string {
  if (!isLibraryError(error)) return error instanceof Error ? error.message : String(error);
  return error.code === "no_such_key" ? error.summary.replace("No such key", "no such key") : error.summary;
}
