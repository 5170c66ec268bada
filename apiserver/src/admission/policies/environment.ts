/** Where the expressions of webhooks and policies run. */
import { baseEnvironment } from "../../apiextensions/cel/environment.ts";
import type { Environment } from "@coracle/shared/cel/library.ts";
import { registerAuthorizer } from "./authorizer.ts";

const environments = new Map<string, Environment>();

/** The variables that every admission expression has, and the given ones besides. */
export function admissionEnvironment(more: readonly string[]): Environment {
  const key = more.join(" ");
  let environment = environments.get(key);
  if (!environment) {
    environment = baseEnvironment();
    registerAuthorizer(environment);
    for (const name of ["object", "oldObject", "request", ...more]) environment.registerVariable(name, "dyn");
    environments.set(key, environment);
  }
  return environment;
}
