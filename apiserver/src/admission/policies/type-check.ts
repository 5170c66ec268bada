/** Checks the expressions of a validating policy against the kinds that it names (KEP-3488, "Type checking"). */
import type {
  ExpressionWarning,
  ValidatingAdmissionPolicy,
} from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { CelCompileError } from "@coracle/shared/cel/compile-error.ts";
import { compile } from "@coracle/shared/cel/environment.ts";
import { baseEnvironment } from "../../apiextensions/cel/environment.ts";
import type { Environment } from "@coracle/shared/cel/library.ts";
import type { ResourceTable, ServedResource } from "../../registry/resources.ts";
import { splitApiVersion } from "../../schema/registry.ts";
import { registerAuthorizer } from "./authorizer.ts";
import { declareKind } from "./node-types.ts";

/** Upstream checks no more kinds of one policy than these. */
const maxKinds = 10;

/** What the checker doubts. A policy is in force whatever is found: a warning is for its author. */
export function expressionWarnings(
  { spec = {} }: ValidatingAdmissionPolicy,
  resources: ResourceTable,
): ExpressionWarning[] {
  const params = spec.paramKind && findKind(resources, spec.paramKind.apiVersion, spec.paramKind.kind);
  const scenes = namedKinds(spec, resources).map((served) => ({
    name: `${served.apiVersion}, Kind=${served.kind.kind}`,
    environment: typedEnvironment(spec, served, params),
  }));
  const warnings: ExpressionWarning[] = [];
  const look = (expression: string | undefined, fieldRef: string): void => {
    if (!expression) return;
    const doubts = scenes.flatMap(({ name, environment }) => {
      const doubt = doubtOf(environment, expression);
      return doubt === undefined ? [] : [`${name}: ${doubt}`];
    });
    if (doubts.length > 0) warnings.push({ fieldRef, warning: doubts.join("\n") });
  };
  spec.validations?.forEach(({ expression, messageExpression }, i) => {
    look(expression, `spec.validations[${i}].expression`);
    look(messageExpression, `spec.validations[${i}].messageExpression`);
  });
  return warnings;
}

const findKind = (
  resources: ResourceTable,
  apiVersion: string | undefined,
  kind: string | undefined,
): ServedResource | undefined => resources.findKind(...splitApiVersion(apiVersion ?? ""), kind ?? "");

/** The kinds that rules spell out; those with a `*` could be any. */
function namedKinds(
  spec: NonNullable<ValidatingAdmissionPolicy["spec"]>,
  resources: ResourceTable,
): ServedResource[] {
  const found = new Map<string, ServedResource>();
  for (const rule of spec.matchConstraints?.resourceRules ?? [])
    for (const group of rule.apiGroups ?? [])
      for (const version of rule.apiVersions ?? [])
        for (const resource of rule.resources ?? []) {
          const served = resources.find(group, version, resource);
          if (served) found.set(`${served.apiVersion}/${served.kind.kind}`, served);
        }
  return [...found.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, served]) => served)
    .slice(0, maxKinds);
}

function typedEnvironment(
  spec: NonNullable<ValidatingAdmissionPolicy["spec"]>,
  served: ServedResource,
  params: ServedResource | undefined,
): Environment {
  const environment = baseEnvironment();
  registerAuthorizer(environment);
  const type = declareKind(environment, served.node, "Type");
  environment.registerVariable("object", type).registerVariable("oldObject", type);
  environment.registerVariable("params", params ? declareKind(environment, params.node, "Param") : "dyn");
  for (const name of ["request", "namespaceObject"]) environment.registerVariable(name, "dyn");
  return withVariables(environment, spec.variables ?? []);
}

/** Declares the policy's own variables, each with the type of its expression, which may look at those before it. */
function withVariables(
  environment: Environment,
  variables: readonly { readonly name: string; readonly expression: string }[],
): Environment {
  const fields: Record<string, string> = {};
  let current = environment;
  const declared = (): Environment => {
    const next = environment.clone();
    next.registerType("Variables", { fields: { ...fields } });
    return next.registerVariable("variables", "Variables");
  };
  for (const { name, expression } of variables) {
    current = declared();
    fields[name] = typeOf(current, expression);
  }
  return declared();
}

function typeOf(environment: Environment, expression: string): string {
  try {
    return compile(environment, expression).type;
  } catch {
    // Reported where a validation uses it, if that matters there.
    return "dyn";
  }
}

/** An object may be null, of which the library knows nothing. */
const comparesWithNull = /applied to '\((?:(?:Type|Param)\d+, null|null, (?:Type|Param)\d+)\)'/;

function doubtOf(environment: Environment, expression: string): string | undefined {
  try {
    compile(environment, expression);
    return undefined;
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    return comparesWithNull.test(error.text) ? undefined : error.text;
  }
}
