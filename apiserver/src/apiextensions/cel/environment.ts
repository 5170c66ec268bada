/** Where expressions of the API run: Kubernetes' functions, with the named formats of strings. */
import { commonEnvironment } from "@coracle/shared/cel/environment.ts";
import type { Environment } from "@coracle/shared/cel/library.ts";
import { registerFormats } from "./formats.ts";

let shared: Environment | undefined;

/** An environment with every function of Kubernetes and no variable; extend it, it is a copy. */
export function baseEnvironment(): Environment {
  if (!shared) {
    shared = commonEnvironment();
    registerFormats(shared);
  }
  return shared.clone();
}

const byVariables = new Map<string, Environment>();

/** The base environment with variables of any type. */
export function dynamicEnvironment(variables: readonly string[]): Environment {
  const key = variables.join(" ");
  let environment = byVariables.get(key);
  if (!environment) {
    environment = baseEnvironment();
    for (const name of variables) environment.registerVariable(name, "dyn");
    byVariables.set(key, environment);
  }
  return environment;
}
