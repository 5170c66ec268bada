import { compile } from "@coracle/shared/cel/environment.ts";
import type { Environment } from "@coracle/shared/cel/library.ts";
import { admissionEnvironment } from "./environment.ts";

/** Variables of policies, beside those of every admission expression. */
export const policyVariables = ["params", "namespaceObject", "variables"];

function withVariables(declared: readonly string[]): Environment {
  const type = "kubernetes.variables";
  const others = policyVariables.filter((name) => name !== "variables");
  return admissionEnvironment(others)
    .clone()
    .registerType(type, { fields: Object.fromEntries(declared.map((name) => [name, "dyn"])) })
    .registerVariable("variables", type);
}

interface Checking {
  readonly result: "bool" | "string" | "any";
  readonly policy: boolean;
  /** The variables that a policy declares before this expression; undefined where they are not looked at. */
  readonly declared?: readonly string[] | undefined;
}

/** What is wrong with an expression whatever the values are; undefined when nothing is. */
export function expressionProblem(
  expression: string,
  { result, policy, declared }: Checking,
): string | undefined {
  try {
    const environment = declared
      ? withVariables(declared)
      : admissionEnvironment(policy ? policyVariables : []);
    const { type } = compile(environment, expression);
    if (result === "any" || type === result || type === "dyn" || type.startsWith("dyn<")) return undefined;
    return `must evaluate to ${result}`;
  } catch (error) {
    return (error as Error).message;
  }
}
