/** `x-kubernetes-validations`: the rules of a schema, compiled once and run over objects. */
import type { ValidationRule } from "@coracle/shared/api/generated/apiextensions-v1.ts";
import { equal, isObject } from "../../patch/json.ts";
import {
  forbiddenField,
  invalidValue,
  path as rootPath,
  Path,
  required,
  type FieldError,
} from "../../registry/field.ts";
import { compile, type Program } from "@coracle/shared/cel/environment.ts";
import { dynamicEnvironment } from "../cel/environment.ts";
import { Optional } from "@coracle/shared/cel/library.ts";
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
  const rules = rulesOf(schema).map(compileRule);
  if (rules.length === 0 && properties.size === 0 && !items && !values) return undefined;
  return { schema, rules, properties, items, values };
}

/** A schema's own rules, and those of the schemas that must all hold as well. */
const rulesOf = (schema: Schema): readonly ValidationRule[] => [
  ...(schema["x-kubernetes-validations"] ?? []),
  ...(schema.allOf ?? []).flatMap((branch) => branch["x-kubernetes-validations"] ?? []),
];

export interface RuleRun {
  /** The state before the update. */
  readonly old?: unknown;
  /** Told of what is broken but was so before, which is no reason to refuse an update. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** @returns the rules that an object breaks */
export const runRules = (tree: RuleTree, value: unknown, { old, warn }: RuleRun = {}): FieldError[] =>
  runTree(tree, value, { old, at: rootPath(), isRoot: true, warn: warn ?? (() => undefined) });

interface Walk {
  readonly warn: (message: string) => void;
  /** The state before; undefined when there is none, or none that is surely the same element's. */
  readonly old: unknown;
  readonly at: Path;
  readonly isRoot: boolean;
}

function runTree(tree: RuleTree, value: unknown, walk: Walk): FieldError[] {
  // A null is no value that a rule could be about.
  if (value === undefined || value === null) return [];
  const { old, at } = walk;
  const errors = tree.rules.length > 0 ? runAll(tree, value, walk) : [];
  const inside = { ...walk, isRoot: false };
  if (Array.isArray(value)) {
    const { items } = tree;
    if (!items) return errors;
    value.forEach((item, i) => {
      const before = correlated(tree.schema, item, old);
      errors.push(...runTree(items, item, { ...inside, old: before, at: at.index(i) }));
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
    errors.push(...runTree(next, item, { ...inside, old: before?.[key], at: child }));
  }
  return errors;
}

function runAll({ schema, rules }: RuleTree, value: unknown, walk: Walk): FieldError[] {
  const self = typedValue(schema, value, walk.isRoot);
  const hasOld = walk.old !== undefined && walk.old !== null;
  const oldSelf = hasOld ? typedValue(schema, walk.old, walk.isRoot) : undefined;
  const untouched = hasOld && equal(walk.old, value);
  return rules.flatMap((compiled) => {
    const optional = compiled.rule.optionalOldSelf === true;
    if (compiled.transition && !hasOld && !optional) return [];
    const before = optional ? (hasOld ? Optional.of(oldSelf) : Optional.none()) : (oldSelf ?? null);
    const where = { schema, at: walk.at, value };
    const { error, broken } = runOne(compiled, { self, oldSelf: before }, where);
    if (broken && untouched && !compiled.transition) {
      walk.warn(`${broken.field}: ${broken.message}`);
      return [];
    }
    return error ?? broken ?? [];
  });
}

interface Where {
  readonly schema: Schema;
  readonly at: Path;
  readonly value: unknown;
}

interface Verdict {
  /** It could not be found out. */
  readonly error?: FieldError;
  readonly broken?: FieldError;
}

function runOne(compiled: CompiledRule, variables: Record<string, unknown>, where: Where): Verdict {
  const { rule, program } = compiled;
  const named = (at: Path): Path => (at.text === "" ? rootPath("<nil>") : at);
  const type = where.schema.type ?? "object";
  try {
    if (program.run(variables) === true) return {};
  } catch (error) {
    const why = `${(error as Error).message} evaluating rule: ${rule.message || rule.rule}`;
    return { error: invalidValue(named(where.at), type, why) };
  }
  const at = named(below(where.at, rule.fieldPath));
  const message = messageOf(compiled, variables);
  return { broken: failure(rule, at, { value: where.value, message }) };
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
  { value, message }: { readonly value: unknown; readonly message: string },
): FieldError {
  // Objects and lists are too long to be shown.
  const shown = typeof value === "object" ? undefined : JSON.stringify(value);
  switch (rule.reason) {
    case "FieldValueRequired":
      return required(at, message);
    case "FieldValueForbidden":
      return forbiddenField(at, message);
    case "FieldValueDuplicate":
      return { reason: rule.reason, field: at.text, message: `Duplicate value${shown ? `: ${shown}` : ""}` };
    default:
      return {
        reason: "FieldValueInvalid",
        field: at.text,
        message: `Invalid value: ${shown ? `${shown}: ` : ""}${message}`,
      };
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
