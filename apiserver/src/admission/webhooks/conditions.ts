/** Match conditions: expressions that must all be true. */
import type { MatchCondition } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { compile, type Program } from "@coracle/shared/cel/environment.ts";
import { admissionEnvironment } from "../policies/environment.ts";

export type Verdict =
  | { readonly matches: true }
  | { readonly matches: false; readonly error?: undefined }
  | { readonly matches: false; readonly error: string };

export interface Conditions {
  evaluate(variables: Readonly<Record<string, unknown>>): Verdict;
  readonly count: number;
}

export const conditionError = (expression: string, why: string): string =>
  `expression '${expression}' resulted in error: ${why}`;

/** One error as itself, several in brackets. */
export const allErrors = (errors: readonly string[]): string =>
  errors.length === 1 ? (errors[0] ?? "") : `[${errors.join(", ")}]`;

/** Compiles conditions once; one that does not compile fails whenever it is asked. */
export function compileConditions(conditions: readonly MatchCondition[] | undefined): Conditions {
  const compiled = (conditions ?? []).map(({ expression }) => ({
    expression,
    program: tryCompile(expression),
  }));
  return {
    count: compiled.length,
    evaluate(variables) {
      const errors: string[] = [];
      for (const { expression, program } of compiled) {
        try {
          if (program instanceof Error) throw program;
          const result = program.run(variables);
          // One that is false decides, whatever is wrong with the others.
          if (result === false) return { matches: false };
          if (result !== true) errors.push(conditionError(expression, "it must evaluate to bool"));
        } catch (error) {
          errors.push(conditionError(expression, (error as Error).message));
        }
      }
      return errors.length > 0 ? { matches: false, error: allErrors(errors) } : { matches: true };
    },
  };
}

function tryCompile(expression: string): Program | Error {
  try {
    return compile(admissionEnvironment([]), expression);
  } catch (error) {
    return error as Error;
  }
}
