/** Where the expressions of webhooks and policies run. */
import { baseEnvironment } from "../../apiextensions/cel/environment.ts";
import type { Environment } from "@coracle/shared/cel/library.ts";
import { registerAuthorizer } from "./authorizer.ts";

class JsonPatchFunctions {
  readonly name = "jsonpatch";
}

/** `jsonpatch.escapeKey(name)`: a name as a part of a JSON pointer. */
function registerJsonPatch(environment: Environment): void {
  const type = "kubernetes.JSONPatchFunctions";
  environment
    .registerType(type, JsonPatchFunctions)
    .registerConstant("jsonpatch", type, new JsonPatchFunctions())
    .registerFunction(`${type}.escapeKey(string): string`, (_: JsonPatchFunctions, key: string) =>
      key.replaceAll("~", "~0").replaceAll("/", "~1"),
    );
}

const environments = new Map<string, Environment>();

/** The variables that every admission expression has, and the given ones besides. */
export function admissionEnvironment(more: readonly string[]): Environment {
  const key = more.join(" ");
  let environment = environments.get(key);
  if (!environment) {
    environment = baseEnvironment();
    registerAuthorizer(environment);
    registerJsonPatch(environment);
    for (const name of ["object", "oldObject", "request", ...more]) environment.registerVariable(name, "dyn");
    environments.set(key, environment);
  }
  return environment;
}
