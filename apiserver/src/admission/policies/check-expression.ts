import { compile } from "@coracle/shared/cel/environment.ts";
import { admissionEnvironment } from "./environment.ts";

/** Variables of policies, beside those of every admission expression. */
export const policyVariables = ["params", "namespaceObject", "variables"];

/** What is wrong with an expression whatever the values are; undefined when nothing is. */
export function expressionProblem(
  expression: string,
  { result, policy }: { readonly result: "bool" | "string" | "any"; readonly policy: boolean },
): string | undefined {
  try {
    const { type } = compile(admissionEnvironment(policy ? policyVariables : []), expression);
    if (result === "any" || type === result || type === "dyn" || type.startsWith("dyn<")) return undefined;
    return `must evaluate to ${result}`;
  } catch (error) {
    return (error as Error).message;
  }
}
