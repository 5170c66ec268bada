/** Checks a value against a schema, in upstream's words. What was already wrong before an update is let be. */
import { equal, isObject, type JsonObject } from "../../patch/json.ts";
import {
  duplicate,
  invalidValue,
  notSupported,
  path as rootPath,
  required,
  tooLong,
  tooMany,
  typeInvalid,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { regex } from "@coracle/shared/cel/strings.ts";
import { checkEmbedded } from "./embedded.ts";
import { formatProblem } from "./formats.ts";
import {
  correlated,
  elementKey,
  isEmbedded,
  isIntOrString,
  itemsOf,
  propertyOf,
  resourceKeys,
  type Schema,
} from "./structural.ts";

interface Walk {
  readonly at: Path;
  /** The value before the update; undefined where there is none to compare with. */
  readonly old: unknown;
  readonly isResource: boolean;
}

/** @returns what is wrong; of an update (`old` given) only what it changed */
export function validateSchema(schema: Schema, value: unknown, old?: unknown): FieldError[] {
  return check(schema, value, { at: rootPath(), old, isResource: true });
}

/** A default or another part of an object, not itself a resource. */
export const validatePart = (schema: Schema, value: unknown, at: Path): FieldError[] =>
  check(schema, value, { at, old: undefined, isResource: false });

function check(schema: Schema, value: unknown, walk: Walk): FieldError[] {
  if (walk.old !== undefined && equal(walk.old, value)) return [];
  const { at } = walk;
  if (value === null && schema.nullable === true) return [];
  const wrongType = checkType(schema, value, at);
  if (wrongType) return [wrongType];
  const errors = [...checkEnum(schema, value, at), ...checkFormat(schema, value, at)];
  if (typeof value === "string") errors.push(...checkString(schema, value, at));
  else if (typeof value === "number") errors.push(...checkNumber(schema, value, at));
  else if (Array.isArray(value)) errors.push(...checkList(schema, value, walk));
  else if (isObject(value)) errors.push(...checkObject(schema, value, walk));
  return [...errors, ...checkJunctors(schema, value, walk)];
}

const typeName = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
};

/** A field's name as it stands in messages. */
const inBody = (at: Path): string => `${at.text} in body`;

function checkType(schema: Schema, value: unknown, at: Path): FieldError | undefined {
  const actual = typeName(value);
  const expected = isIntOrString(schema) ? ["integer", "string"] : schema.type ? [schema.type] : [];
  if (expected.length === 0) return undefined;
  if (expected.includes(actual) || (actual === "integer" && expected.includes("number"))) return undefined;
  const message = `${inBody(at)} must be of type ${expected.join(",")}: ${JSON.stringify(actual)}`;
  return typeInvalid(named(at), actual, message);
}

/** An error about the whole object has no field. */
const named = (at: Path): Path => (at.text === "" ? rootPath("<nil>") : at);

function checkEnum(schema: Schema, value: unknown, at: Path): FieldError[] {
  const { enum: allowed } = schema;
  if (!allowed || allowed.some((candidate) => equal(candidate, value))) return [];
  return [
    notSupported(
      named(at),
      value,
      allowed.map((v) => (typeof v === "string" ? v : JSON.stringify(v))),
    ),
  ];
}

function checkFormat(schema: Schema, value: unknown, at: Path): FieldError[] {
  const { format } = schema;
  if (!format || (typeof value !== "string" && typeof value !== "number")) return [];
  if (!formatProblem(format, value)) return [];
  return [
    typeof value === "string"
      ? typeInvalid(named(at), value, `${inBody(at)} must be of type ${format}: ${JSON.stringify(value)}`)
      : invalidValue(
          named(at),
          value,
          `Checked value must be of type ${schema.type} with format ${format} in ${at.text}`,
        ),
  ];
}

function checkString(schema: Schema, value: string, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const length = Array.from(value).length;
  if (schema.maxLength !== undefined && length > schema.maxLength)
    errors.push(tooLong(named(at), schema.maxLength));
  if (schema.minLength !== undefined && length < schema.minLength) {
    errors.push(
      invalidValue(named(at), value, `${inBody(at)} should be at least ${schema.minLength} chars long`),
    );
  }
  if (schema.pattern && !matches(schema.pattern, value))
    errors.push(invalidValue(named(at), value, `${inBody(at)} should match '${schema.pattern}'`));
  return errors;
}

/** A pattern that is none matches nothing; the definition is refused before that. */
function matches(pattern: string, value: string): boolean {
  try {
    return regex(pattern).test(value);
  } catch {
    return false;
  }
}

function checkNumber(schema: Schema, value: number, at: Path): FieldError[] {
  const { maximum, minimum, multipleOf } = schema;
  const errors: FieldError[] = [];
  const wrong = (what: string): void =>
    void errors.push(invalidValue(named(at), value, `${inBody(at)} should be ${what}`));
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum))
    wrong(`less than ${schema.exclusiveMaximum ? "" : "or equal to "}${maximum}`);
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum))
    wrong(`greater than ${schema.exclusiveMinimum ? "" : "or equal to "}${minimum}`);
  if (multipleOf !== undefined && multipleOf > 0 && !Number.isInteger(value / multipleOf))
    wrong(`a multiple of ${multipleOf}`);
  return errors;
}

function checkList(schema: Schema, list: readonly unknown[], { at, old }: Walk): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.maxItems !== undefined && list.length > schema.maxItems)
    errors.push(tooMany(named(at), list.length, schema.maxItems));
  if (schema.minItems !== undefined && list.length < schema.minItems) {
    const message = `${inBody(at)} should have at least ${schema.minItems} items`;
    errors.push(invalidValue(named(at), list.length, message));
  }
  if (schema.uniqueItems === true && list.some((item, i) => list.findIndex((o) => equal(o, item)) < i))
    errors.push(invalidValue(named(at), list, `${inBody(at)} shouldn't contain duplicates`));
  const items = itemsOf(schema);
  if (items) {
    list.forEach((item, i) => {
      const walk = { at: at.index(i), old: correlated(schema, item, old), isResource: false };
      errors.push(...check(items, item, walk));
    });
  }
  return [...errors, ...checkUnique(schema, list, at)];
}

/** Elements of sets, and the keys of maps, are there once. */
function checkUnique(schema: Schema, list: readonly unknown[], at: Path): FieldError[] {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "set" && type !== "map") return [];
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    const key = type === "map" ? elementKey(schema, item) : item;
    const text = JSON.stringify(key);
    if (seen.has(text)) return [duplicate(at.index(i), key)];
    seen.add(text);
    return [];
  });
}

function checkObject(schema: Schema, object: JsonObject, { at, old, isResource }: Walk): FieldError[] {
  const errors: FieldError[] = [];
  const count = Object.keys(object).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties)
    errors.push(tooMany(named(at), count, schema.maxProperties));
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    const message = `${inBody(at)} should have at least ${schema.minProperties} properties`;
    errors.push(invalidValue(named(at), count, message));
  }
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(object, name)) errors.push(required(at.child(name)));
  }
  const before = isObject(old) ? old : undefined;
  for (const [key, value] of Object.entries(object)) {
    const property = propertyOf(schema, key);
    if (!property) continue;
    if ((isResource || isEmbedded(schema)) && resourceKeys.has(key) && key !== "metadata") continue;
    errors.push(...check(property, value, { at: at.child(key), old: before?.[key], isResource: false }));
  }
  if (isEmbedded(schema) && !isResource) errors.push(...checkEmbedded(object, at));
  return errors;
}

function checkJunctors(schema: Schema, value: unknown, walk: Walk): FieldError[] {
  const { at } = walk;
  const errors: FieldError[] = [];
  const fresh = { ...walk, old: undefined };
  const show = (): unknown => (typeof value === "object" ? "" : value);
  const problems = (candidates: readonly Schema[]): FieldError[][] =>
    candidates.map((candidate) => check(candidate, value, fresh));
  if (schema.anyOf?.length) {
    const each = problems(schema.anyOf);
    if (!each.some((list) => list.length === 0)) {
      errors.push(
        invalidValue(named(at), show(), `${inBody(at)} must validate at least one schema (anyOf)`),
        ...fewest(each),
      );
    }
  }
  if (schema.oneOf?.length) {
    const each = problems(schema.oneOf);
    const valid = each.filter((list) => list.length === 0).length;
    if (valid !== 1) {
      const found = valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`;
      const message = `${inBody(at)} must validate one and only one schema (oneOf). ${found}`;
      errors.push(invalidValue(named(at), show(), message), ...(valid === 0 ? fewest(each) : []));
    }
  }
  if (schema.allOf?.length) {
    const wrong = problems(schema.allOf).flat();
    if (wrong.length > 0) {
      errors.push(
        invalidValue(named(at), show(), `${inBody(at)} must validate all the schemas (allOf)`),
        ...wrong,
      );
    }
  }
  if (schema.not && check(schema.not, value, fresh).length === 0)
    errors.push(invalidValue(named(at), show(), `${inBody(at)} must not validate the schema (not)`));
  return errors;
}

/** What is wrong with the alternative that comes closest. */
const fewest = (each: readonly FieldError[][]): FieldError[] =>
  each.reduce<FieldError[] | undefined>(
    (best, list) => (!best || list.length < best.length ? list : best),
    undefined,
  ) ?? [];
