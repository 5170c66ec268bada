/** `x-kubernetes-validations`: the rules of a schema, compiled once and run over objects. */
import type { ValidationRule } from "@coracle/shared/api/generated/apiextensions-v1.ts";
import { isObject } from "../../patch/json.ts";
import {
  forbiddenField,
  invalidValue,
  path as rootPath,
  Path,
  required,
  type FieldError,
} from "../../registry/field.ts";
import { compile, dynamicEnvironment, type Program } from "../cel/environment.ts";
import { Optional } from "../cel/library.ts";
import { correlated, itemsOf, valuesOf, type Schema } from "./structural.ts";
import { typedValue } from "./typed-value.ts";

const environment = () => dynamicEnvironment(["self", "oldSelf"]);

export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: Program;
  readonly message: Program | undefined;
  /** It compares with the state before, and so says nothing about a new value. */
  readonly transition: boolean;
}

/** A schema's rules, those of its parts included. Undefined when there are none anywhere. */
export interface RuleTree {
  readonly schema: Schema;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleTree>;
  readonly items: RuleTree | undefined;
  readonly values: RuleTree | undefined;
}

/** @throws CelCompileError */
export function compileRule(rule: ValidationRule): CompiledRule {
  const program = compile(environment(), rule.rule);
  const message = rule.messageExpression ? compile(environment(), rule.messageExpression) : undefined;
  return { rule, program, message, transition: program.uses("oldSelf") };
}

/** Compiles every rule in a schema that has been found valid. @throws CelCompileError */
export function compileRules(schema: Schema): RuleTree | undefined {
  const properties = new Map<string, RuleTree>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const tree = compileRules(property);
    if (tree) properties.set(name, tree);
  }
  const [itemSchema, valueSchema] = [itemsOf(schema), valuesOf(schema)];
  const items = itemSchema && compileRules(itemSchema);
  const values = valueSchema && compileRules(valueSchema);
  const rules = (schema["x-kubernetes-validations"] ?? []).map(compileRule);
  if (rules.length === 0 && properties.size === 0 && !items && !values) return undefined;
  return { schema, rules, properties, items, values };
}

/** @returns the rules that an object breaks */
export const runRules = (tree: RuleTree, value: unknown, old?: unknown): FieldError[] =>
  runTree(tree, value, { old, at: rootPath(), isRoot: true });

interface Walk {
  /** The state before; undefined when there is none, or none that is surely the same element's. */
  readonly old: unknown;
  readonly at: Path;
  readonly isRoot: boolean;
}

function runTree(tree: RuleTree, value: unknown, { old, at, isRoot }: Walk): FieldError[] {
  // A null is no value that a rule could be about.
  if (value === undefined || value === null) return [];
  const errors = tree.rules.length > 0 ? runAll(tree, value, { old, at, isRoot }) : [];
  if (Array.isArray(value)) {
    const { items } = tree;
    if (!items) return errors;
    value.forEach((item, i) => {
      const before = correlated(tree.schema, item, old);
      errors.push(...runTree(items, item, { old: before, at: at.index(i), isRoot: false }));
    });
    return errors;
  }
  if (!isObject(value)) return errors;
  const before = isObject(old) ? old : undefined;
  for (const [key, item] of Object.entries(value)) {
    const declared = tree.properties.get(key);
    const next = declared ?? (tree.schema.properties?.[key] ? undefined : tree.values);
    if (!next) continue;
    const child = declared ? at.child(key) : at.key(key);
    errors.push(...runTree(next, item, { old: before?.[key], at: child, isRoot: false }));
  }
  return errors;
}

function runAll({ schema, rules }: RuleTree, value: unknown, walk: Walk): FieldError[] {
  const self = typedValue(schema, value, walk.isRoot);
  const hasOld = walk.old !== undefined && walk.old !== null;
  const oldSelf = hasOld ? typedValue(schema, walk.old, walk.isRoot) : undefined;
  return rules.flatMap((compiled) => {
    const optional = compiled.rule.optionalOldSelf === true;
    if (compiled.transition && !hasOld && !optional) return [];
    const before = optional ? (hasOld ? Optional.of(oldSelf) : Optional.none()) : (oldSelf ?? null);
    return runOne(compiled, { self, oldSelf: before }, { schema, at: walk.at });
  });
}

interface Where {
  readonly schema: Schema;
  readonly at: Path;
}

function runOne(compiled: CompiledRule, variables: Record<string, unknown>, where: Where): FieldError[] {
  const { rule, program } = compiled;
  const at = where.at.text === "" && !rule.fieldPath ? rootPath("<nil>") : below(where.at, rule.fieldPath);
  const type = where.schema.type ?? "object";
  try {
    if (program.run(variables) === true) return [];
  } catch (error) {
    const why = `${(error as Error).message} evaluating rule: ${rule.message || rule.rule}`;
    return [invalidValue(at, type, why)];
  }
  return [failure(rule, at, { type, message: messageOf(compiled, variables) })];
}

function messageOf({ rule, message }: CompiledRule, variables: Record<string, unknown>): string {
  if (message) {
    try {
      const text = message.run(variables);
      // One that gives no usable line is passed over.
      if (typeof text === "string" && text.trim() !== "" && !text.includes("\n")) return text.trim();
    } catch {
      // The same for one that fails.
    }
  }
  return rule.message?.trim() || `failed rule: ${rule.rule.trim()}`;
}

function failure(
  rule: ValidationRule,
  at: Path,
  { type, message }: { readonly type: string; readonly message: string },
): FieldError {
  switch (rule.reason) {
    case "FieldValueRequired":
      return required(at, message);
    case "FieldValueForbidden":
      return forbiddenField(at, message);
    case "FieldValueDuplicate":
      return { reason: rule.reason, field: at.text, message: `Duplicate value: ${JSON.stringify(type)}` };
    default:
      return invalidValue(at, type, message);
  }
}

/** A rule's `fieldPath`: `.spec.x`, `['a.b']`. */
function below(at: Path, fieldPath: string | undefined): Path {
  if (!fieldPath) return at;
  const steps = Array.from(fieldPath.matchAll(/\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\]/g), ([, name, quoted]) =>
    name === undefined ? { key: (quoted ?? "").replaceAll(/\\(.)/g, "$1") } : { name },
  );
  return steps.reduce((path, step) => ("key" in step ? path.key(step.key) : path.child(step.name)), at);
}
