/** A policy's expressions, compiled once for each state of the policy. */
import type { MatchCondition, Variable } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import type { Namespace } from "@coracle/shared/api/generated/core-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { CelRuntimeError, compile, type Program } from "@coracle/shared/cel/environment.ts";
import { toCel } from "@coracle/shared/cel/values.ts";
import type { AdmissionContext, Attributes } from "../plugin.ts";
import { allErrors, conditionError, type Verdict } from "../webhooks/conditions.ts";
import { namespaceOf } from "../webhooks/match.ts";
import { requestOf } from "../webhooks/request.ts";
import { policyVariables } from "./check-expression.ts";
import { authorizerFor } from "./authorizer.ts";
import { admissionEnvironment } from "./environment.ts";

export interface CompiledExpression {
  readonly expression: string;
  /** @throws Error also for an expression that does not compile */
  run(variables: Variables): unknown;
}

export type Variables = Readonly<Record<string, unknown>>;

const programs = new Map<string, Program | Error>();

/** Programs do not depend on their policy; the same text is compiled once. */
export function expressionOf(expression: string): CompiledExpression {
  let program = programs.get(expression);
  if (!program) {
    try {
      program = compile(admissionEnvironment(policyVariables), expression);
    } catch (error) {
      program = error as Error;
    }
    if (programs.size > 5_000) programs.clear();
    programs.set(expression, program);
  }
  const compiled = program;
  return {
    expression,
    run(variables) {
      if (compiled instanceof Error) throw compiled;
      return compiled.run(variables);
    },
  };
}

export interface Scene {
  readonly attributes: Attributes;
  readonly version: string;
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
  readonly declared: readonly Variable[];
}

/** Everything that the expressions of one policy see of one write, but for its parameters. */
export async function sceneVariables(scene: Scene, ctx: AdmissionContext): Promise<Variables> {
  const { attributes, version } = scene;
  return {
    object: toCel(scene.object),
    oldObject: toCel(scene.oldObject),
    request: toCel(requestOf(attributes, version)),
    authorizer: authorizerFor(ctx.authorize, attributes),
    namespaceObject: await namespaceVariable(attributes, ctx),
  };
}

async function namespaceVariable(attributes: Attributes, ctx: AdmissionContext): Promise<unknown> {
  if (!attributes.kind.namespaced || !attributes.namespace) return null;
  const namespace: Namespace | undefined = await namespaceOf(attributes.namespace, ctx);
  return toCel(namespace);
}

/** With the parameters, and the policy's own variables, each worked out when it is first looked at. */
export function withParams(
  variables: Variables,
  params: KubeObject | null,
  declared: readonly Variable[],
): Variables {
  const all: Record<string, unknown> = { ...variables, params: toCel(params) };
  all["variables"] = new LazyVariables(declared, all);
  return all;
}

/** A map to the library: its values are made on demand, and an error is made again for whoever asks. */
class LazyVariables extends Map<string, unknown> {
  readonly #declared: ReadonlyMap<string, string>;
  readonly #scope: Variables;
  constructor(declared: readonly Variable[], scope: Variables) {
    super();
    this.#declared = new Map(declared.map(({ name, expression }) => [name, expression]));
    this.#scope = scope;
  }
  override get(name: string): unknown {
    if (super.has(name)) return super.get(name);
    const expression = this.#declared.get(name);
    if (expression === undefined) return undefined;
    let value: unknown;
    try {
      value = expressionOf(expression).run(this.#scope);
    } catch (error) {
      throw new CelRuntimeError(
        `composited variable ${JSON.stringify(name)} fails to evaluate: ${(error as Error).message}`,
        {
          cause: error,
        },
      );
    }
    this.set(name, value);
    return value;
  }
  override has(name: string): boolean {
    return this.#declared.has(name);
  }
}
// To the library a value is what its constructor says it is.
Object.defineProperty(LazyVariables.prototype, "constructor", { value: Map });

/** Match conditions of a policy, which may use its parameters. */
export function evaluateConditions(
  conditions: readonly MatchCondition[] | undefined,
  variables: Variables,
): Verdict {
  const errors: string[] = [];
  for (const { expression } of conditions ?? []) {
    try {
      const result = expressionOf(expression).run(variables);
      if (result === false) return { matches: false };
      if (result !== true) errors.push(conditionError(expression, "it must evaluate to bool"));
    } catch (error) {
      errors.push(conditionError(expression, (error as Error).message));
    }
  }
  return errors.length > 0 ? { matches: false, error: allErrors(errors) } : { matches: true };
}
