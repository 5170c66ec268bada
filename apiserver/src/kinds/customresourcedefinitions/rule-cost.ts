/** Rules that could take too long are refused with the schema that they stand in. */
import { estimateCost } from "../../apiextensions/cel/cost.ts";
import type { CompiledRule } from "../../apiextensions/schema/rules.ts";
import { shapeOf } from "../../apiextensions/schema/shape.ts";
import type { Schema } from "../../apiextensions/schema/structural.ts";
import { forbiddenField, type FieldError, type Path } from "../../registry/field.ts";

/** Upstream's budgets: of one expression, and of all in the schema of a version. */
const expressionLimit = 10_000_000;
const schemaLimit = 100_000_000;
/** How many of the most expensive rules are told of when it is their sum that is too large. */
const toldOf = 4;

/** The costs of a schema's rules, as they are found. */
export interface Costs {
  readonly rules: { readonly at: Path; readonly cost: number }[];
}

/** @param times how often the rule may have to be run on one object @returns what is too expensive by itself */
export function chargeRule(
  { program, message }: CompiledRule,
  schema: Schema,
  { at, times, costs }: { readonly at: Path; readonly times: number; readonly costs: Costs },
): FieldError[] {
  const shape = shapeOf(schema);
  const variables = { self: shape, oldSelf: shape };
  const errors: FieldError[] = [];
  const cost = estimateCost(program.ast, variables) * times;
  costs.rules.push({ at: at.child("rule"), cost });
  if (cost > expressionLimit)
    errors.push(tooExpensive(at.child("rule"), "estimated rule cost", cost / expressionLimit));
  const telling = message ? estimateCost(message.ast, variables) * times : 0;
  if (telling > expressionLimit) {
    const what = "estimated messageExpression cost";
    errors.push(tooExpensive(at.child("messageExpression"), what, telling / expressionLimit));
  }
  return errors;
}

/** @returns what is too expensive all together */
export function chargeSchema({ rules }: Costs, at: Path): FieldError[] {
  const total = rules.reduce((sum, { cost }) => sum + cost, 0);
  if (total <= schemaLimit) return [];
  const worst = rules.toSorted((a, b) => b.cost - a.cost).slice(0, toldOf);
  const what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
  return [
    ...worst.map((rule) =>
      forbiddenField(
        rule.at,
        "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema",
      ),
    ),
    tooExpensive(at, what, total / schemaLimit),
  ];
}

function tooExpensive(at: Path, what: string, factor: number): FieldError {
  const shown = factor > 100 ? "more than 100x" : `${factor.toFixed(factor < 1.5 ? 6 : 1)}x`;
  return forbiddenField(
    at,
    `${what} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
  );
}
