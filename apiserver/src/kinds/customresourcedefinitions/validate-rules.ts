/** Rules in a schema must compile, and speak of what is there. */
import type { ValidationRule } from "@coracle/shared/api/generated/apiextensions-v1.ts";
import { checkAgainstTypes } from "../../apiextensions/schema/typed-check.ts";
import { compileRule, type CompiledRule } from "../../apiextensions/schema/rules.ts";
import { maxElements, mostInRequest } from "../../apiextensions/schema/shape.ts";
import { itemsOf, valuesOf, type Schema } from "../../apiextensions/schema/structural.ts";
import { invalidValue, notSupported, required, type FieldError, type Path } from "../../registry/field.ts";
import { chargeRule, chargeSchema, type Costs } from "./rule-cost.ts";

const reasons = ["FieldValueRequired", "FieldValueForbidden", "FieldValueInvalid", "FieldValueDuplicate"];

/** @returns what is wrong with the rules of a structural schema and of its parts */
export function validateRules(schema: Schema, at: Path): FieldError[] {
  const costs: Costs = { rules: [] };
  const errors = validateNode(schema, {
    at,
    isRoot: true,
    uncorrelated: undefined,
    times: 1,
    limited: true,
    costs,
  });
  return [...errors, ...chargeSchema(costs, at)];
}

interface Walk {
  readonly at: Path;
  readonly isRoot: boolean;
  /** The list above whose elements cannot be told from one another between two states. */
  readonly uncorrelated: Path | undefined;
  /** How many values of this place there can be in one object. */
  readonly times: number;
  /** Whether each list and map above says how large it may be. Where one does not, it is the request that limits all of them together. */
  readonly limited: boolean;
  readonly costs: Costs;
}

function validateNode(schema: Schema, walk: Walk): FieldError[] {
  const { at } = walk;
  const errors = (schema["x-kubernetes-validations"] ?? []).flatMap((rule, i) =>
    validateRule(rule, schema, { ...walk, at: at.child("x-kubernetes-validations").index(i) }),
  );
  (schema.allOf ?? []).forEach((branch, i) =>
    (branch["x-kubernetes-validations"] ?? []).forEach((rule, j) => {
      const where = at.child("allOf").index(i).child("x-kubernetes-validations").index(j);
      errors.push(...validateRule(rule, schema, { ...walk, at: where }));
    }),
  );
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...validateNode(property, { ...walk, isRoot: false, at: at.child("properties").key(name) }));
  }
  const [items, values] = [itemsOf(schema), valuesOf(schema)];
  if (items) {
    const keyed = schema["x-kubernetes-list-type"] === "map";
    const uncorrelated = walk.uncorrelated ?? (keyed ? undefined : at);
    const inside = { ...walk, ...elementsOf(schema, walk), at: at.child("items"), uncorrelated };
    errors.push(...validateNode(items, inside));
  }
  if (values) {
    const inside = { ...walk, ...elementsOf(schema, walk), at: at.child("additionalProperties") };
    errors.push(...validateNode(values, inside));
  }
  return errors;
}

/** What is said of a list or map, for each of its elements. */
const elementsOf = (
  schema: Schema,
  { times, limited }: Walk,
): Pick<Walk, "isRoot" | "times" | "limited"> => ({
  isRoot: false,
  times: times * maxElements(schema),
  limited: limited && (itemsOf(schema) ? schema.maxItems : schema.maxProperties) !== undefined,
});

function validateRule(rule: ValidationRule, schema: Schema, walk: Walk): FieldError[] {
  const { at } = walk;
  const errors = validateTexts(rule, at);
  if (rule.reason !== undefined && !reasons.includes(rule.reason))
    errors.push(notSupported(at.child("reason"), rule.reason, reasons));
  if (rule.fieldPath !== undefined)
    errors.push(...validateFieldPath(rule.fieldPath, schema, at.child("fieldPath")));
  if (!rule.rule?.trim()) return errors;
  let compiled: CompiledRule;
  try {
    compiled = compileRule(rule);
    checkAgainstTypes(schema, walk.isRoot, rule.rule);
  } catch (error) {
    return [...errors, invalidValue(at.child("rule"), rule.rule, (error as Error).message)];
  }
  const { type } = compiled.program;
  if (type !== "bool" && type !== "dyn")
    errors.push(invalidValue(at.child("rule"), rule.rule, "cel expression must evaluate to a bool"));
  if (compiled.message && compiled.message.type !== "string" && compiled.message.type !== "dyn") {
    const why = "messageExpression must evaluate to a string";
    errors.push(invalidValue(at.child("messageExpression"), rule.messageExpression, why));
  }
  const times = walk.limited ? walk.times : Math.min(walk.times, mostInRequest(schema));
  return [
    ...errors,
    ...validateTransition(compiled, walk),
    ...chargeRule(compiled, schema, { ...walk, times }),
  ];
}

function validateTransition({ rule, transition }: CompiledRule, { at, uncorrelated }: Walk): FieldError[] {
  if (transition && uncorrelated) {
    return [
      invalidValue(
        at.child("rule"),
        rule.rule,
        `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated.text}`,
      ),
    ];
  }
  return !transition && rule.optionalOldSelf !== undefined
    ? [
        invalidValue(
          at.child("optionalOldSelf"),
          rule.optionalOldSelf,
          "may not be set if oldSelf is not used in rule",
        ),
      ]
    : [];
}

function validateTexts(rule: ValidationRule, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (!rule.rule?.trim()) errors.push(required(at.child("rule"), "rule is not specified"));
  const { message, messageExpression } = rule;
  if (message !== undefined && message !== "" && message.trim() === "")
    errors.push(invalidValue(at.child("message"), message, "message must be non-empty if specified"));
  else if (message?.trim().includes("\n"))
    errors.push(invalidValue(at.child("message"), message, "message must not contain line breaks"));
  if (rule.rule?.trim().includes("\n") && !message?.trim())
    errors.push(required(at.child("message"), "message must be specified if rule contains line breaks"));
  if (messageExpression !== undefined && messageExpression !== "" && messageExpression.trim() === "") {
    errors.push(
      invalidValue(
        at.child("messageExpression"),
        messageExpression,
        "messageExpression must be non-empty if specified",
      ),
    );
  }
  return errors;
}

const steps = /\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\]/gy;

function validateFieldPath(text: string, schema: Schema, at: Path): FieldError[] {
  const wrong = (why: string): FieldError[] => [
    invalidValue(at, text, `fieldPath must be a valid path: ${why}`),
  ];
  if (!text.trim()) return [invalidValue(at, text, "fieldPath must be non-empty if specified")];
  if (text.includes("\n")) return [invalidValue(at, text, "fieldPath must not contain line breaks")];
  let node: Schema | undefined = schema;
  let read = 0;
  for (const match of text.matchAll(steps)) {
    const name: string = match[1] ?? (match[2] ?? "").replaceAll(/\\(.)/g, "$1");
    node = node.properties?.[name] ?? (match[1] === undefined ? valuesOf(node) : undefined);
    if (!node) return wrong(`does not refer to a valid field`);
    read += match[0].length;
  }
  return read === text.length ? [] : wrong("expected a path of fields, such as .spec.name or ['a.b']");
}
