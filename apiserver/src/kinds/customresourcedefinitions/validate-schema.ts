/** Whether a schema is structural: it says of every value what it is, in one place. */
import { regex } from "@coracle/shared/cel/strings.ts";
import { hasDefaults } from "../../apiextensions/schema/defaults.ts";
import { prune } from "../../apiextensions/schema/prune.ts";
import {
  isEmbedded,
  isIntOrString,
  itemsOf,
  preserves,
  valuesOf,
  type Schema,
} from "../../apiextensions/schema/structural.ts";
import { validatePart } from "../../apiextensions/schema/validate.ts";
import { clone, equal } from "../../patch/json.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { validateLists } from "./validate-lists.ts";
import { validateRules } from "./validate-rules.ts";

/** @returns what is wrong with the whole schema of a version */
export function validateStructure(schema: Schema, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type === undefined) errors.push(required(at.child("type"), "must not be empty at the root"));
  else if (schema.type !== "object")
    errors.push(invalidValue(at.child("type"), schema.type, "must be object at the root"));
  if (schema.nullable)
    errors.push(forbiddenField(at.child("nullable"), "nullable cannot be true at the root"));
  errors.push(...validateNode(schema, { at, where: "root", isResource: true, depth: 0 }));
  // Rules and defaults are looked at in a schema that means something.
  if (errors.length > 0) return errors;
  return [...validateRules(schema, at), ...(hasDefaults(schema) ? validateDefaults(schema, at) : [])];
}

interface Walk {
  readonly at: Path;
  readonly where: "root" | "properties" | "items" | "values";
  readonly isResource: boolean;
  readonly depth: number;
}

const types = ["array", "boolean", "integer", "number", "object", "string"];
const forbidden = ["$ref", "definitions", "dependencies", "patternProperties", "additionalItems"] as const;
const emptyType = {
  root: "must not be empty at the root",
  properties: "must not be empty for specified object fields",
  items: "must not be empty for specified array items",
  values: "must not be empty for specified object fields",
};
const maxDepth = 200;

function validateNode(schema: Schema, walk: Walk): FieldError[] {
  const { at } = walk;
  if (walk.depth > maxDepth) return [forbiddenField(at, `must not be nested deeper than ${maxDepth}`)];
  const errors: FieldError[] = forbidden
    .filter((key) => schema[key] !== undefined)
    .map((key) =>
      forbiddenField(at.child(key), key === "$ref" ? "$ref is not supported" : `${key} is not supported`),
    );
  errors.push(...validateType(schema, walk), ...validateKeywords(schema, at), ...validateLists(schema, at));
  errors.push(...validateJunctors(schema, at));
  if (walk.isResource) errors.push(...validateResource(schema, at));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const resourceField =
      walk.isResource && (name === "metadata" || name === "apiVersion" || name === "kind");
    if (resourceField) continue;
    errors.push(
      ...validateNode(property, inside(walk, at.child("properties").key(name), "properties", property)),
    );
  }
  const [items, values] = [itemsOf(schema), valuesOf(schema)];
  if (items) errors.push(...validateNode(items, inside(walk, at.child("items"), "items", items)));
  if (values)
    errors.push(...validateNode(values, inside(walk, at.child("additionalProperties"), "values", values)));
  return errors;
}

const inside = (walk: Walk, at: Path, where: Walk["where"], schema: Schema): Walk => ({
  at,
  where,
  isResource: isEmbedded(schema),
  depth: walk.depth + 1,
});

function validateType(schema: Schema, { at, where }: Walk): FieldError[] {
  const open = isIntOrString(schema) || preserves(schema);
  if (schema.type === undefined)
    return open || where === "root" ? [] : [required(at.child("type"), emptyType[where])];
  const errors: FieldError[] = types.includes(schema.type)
    ? []
    : [notSupported(at.child("type"), schema.type, types)];
  if (isIntOrString(schema))
    errors.push(forbiddenField(at.child("type"), "must be empty if x-kubernetes-int-or-string is true"));
  if (schema.type === "array" && !itemsOf(schema))
    errors.push(required(at.child("items"), "must be specified"));
  if (isEmbedded(schema) && schema.type !== "object")
    errors.push(
      invalidValue(at.child("type"), schema.type, "must be object if x-kubernetes-embedded-resource is true"),
    );
  return errors;
}

function validateKeywords(schema: Schema, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.uniqueItems === true) {
    errors.push(
      forbiddenField(
        at.child("uniqueItems"),
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
      ),
    );
  }
  if (schema.additionalProperties === false) {
    errors.push(
      forbiddenField(at.child("additionalProperties"), "additionalProperties cannot be set to false"),
    );
  }
  if (schema.additionalProperties !== undefined && schema.properties !== undefined) {
    errors.push(
      forbiddenField(
        at.child("additionalProperties"),
        "additionalProperties and properties are mutual exclusive",
      ),
    );
  }
  if (Array.isArray(schema.items))
    errors.push(forbiddenField(at.child("items"), "items must be a schema object and not an array"));
  if (schema["x-kubernetes-preserve-unknown-fields"] === false) {
    errors.push(
      invalidValue(at.child("x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined"),
    );
  }
  if (isEmbedded(schema) && !preserves(schema) && Object.keys(schema.properties ?? {}).length === 0) {
    errors.push(
      required(
        at.child("properties"),
        "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
      ),
    );
  }
  if (schema.pattern !== undefined && !isPattern(schema.pattern))
    errors.push(
      invalidValue(at.child("pattern"), schema.pattern, "must be a valid regular expression, but isn't"),
    );
  return errors;
}

function isPattern(text: string): boolean {
  try {
    regex(text);
    return true;
  } catch {
    return false;
  }
}

/** Of metadata a schema may only restrict the name. */
function validateResource(schema: Schema, at: Path): FieldError[] {
  const metadata = schema.properties?.["metadata"];
  const errors: FieldError[] = [];
  for (const name of ["apiVersion", "kind"]) {
    const property = schema.properties?.[name];
    if (property?.type !== undefined && property.type !== "string")
      errors.push(
        invalidValue(at.child("properties").key(name).child("type"), property.type, "must be string"),
      );
  }
  if (!metadata) return errors;
  const where = at.child("properties").key("metadata");
  if (metadata.type !== undefined && metadata.type !== "object")
    errors.push(invalidValue(where.child("type"), metadata.type, "must be object"));
  const { type: _type, description: _description, properties, ...rest } = metadata;
  const odd = Object.keys(properties ?? {}).some((name) => name !== "name" && name !== "generateName");
  if (odd || Object.keys(rest).length > 0) {
    errors.push(
      forbiddenField(
        where,
        "must not specify anything other than name and generateName, but metadata is implicitly specified",
      ),
    );
  }
  return errors;
}

const notInJunctors = [
  "type",
  "title",
  "description",
  "default",
  "nullable",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-int-or-string",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
  "x-kubernetes-validations",
] as const;

/** allOf, anyOf, oneOf and not may restrict values; what they are must stand outside. */
function validateJunctors(schema: Schema, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  // Upstream's own patterns for a number or a string in two types.
  const numberOrString = isIntOrString(schema) && isNumberOrString(schema);
  for (const junctor of ["allOf", "anyOf", "oneOf"] as const) {
    (schema[junctor] ?? []).forEach((branch, i) => {
      if (!(numberOrString && junctor !== "oneOf"))
        errors.push(...validateBranch(branch, schema, at.child(junctor).index(i)));
    });
  }
  if (schema.not) errors.push(...validateBranch(schema.not, schema, at.child("not")));
  return errors;
}

const isNumberOrString = ({ anyOf, allOf }: Schema): boolean => {
  const pair = [{ type: "integer" }, { type: "string" }];
  return equal(anyOf, pair) || (allOf ?? []).some((branch) => equal(branch.anyOf, pair));
};

/** Rules may stand where everything must hold, and nowhere else. */
const mayHaveRules = (at: Path): boolean => /\.allOf\[\d+\]$/.test(at.text);

function validateBranch(branch: Schema, outer: Schema | undefined, at: Path): FieldError[] {
  const errors: FieldError[] = notInJunctors
    .filter((key) => branch[key] !== undefined && branch[key] !== "" && branch[key] !== false)
    .filter((key) => key !== "x-kubernetes-validations" || !mayHaveRules(at))
    .map((key) =>
      forbiddenField(
        at.child(key),
        key === "type" ? "must be empty to be structural" : "must be undefined to be structural",
      ),
    );
  if (branch.additionalProperties !== undefined)
    errors.push(forbiddenField(at.child("additionalProperties"), "must be undefined to be structural"));
  for (const [name, property] of Object.entries(branch.properties ?? {})) {
    const where = at.child("properties").key(name);
    const declared = outer?.properties?.[name];
    if (!declared && outer && !valuesOf(outer)) errors.push(requiredOutside(where));
    errors.push(...validateBranch(property, declared, where));
  }
  const items = itemsOf(branch);
  if (items) errors.push(...validateBranch(items, outer && itemsOf(outer), at.child("items")));
  for (const junctor of ["allOf", "anyOf", "oneOf"] as const)
    (branch[junctor] ?? []).forEach((nested, i) =>
      errors.push(...validateBranch(nested, outer, at.child(junctor).index(i))),
    );
  if (branch.not) errors.push(...validateBranch(branch.not, outer, at.child("not")));
  return errors;
}

/** A field named in a branch must be declared outside of it. */
function requiredOutside(where: Path): FieldError {
  const outside = where.text.replaceAll(/\.(?:(?:allOf|anyOf|oneOf)\[\d+\]|not)(?=\.|$)/g, "");
  return { ...required(where, `because it is defined in ${where.text}`), field: outside };
}

/** Defaults must be what the schema allows, and not be pruned away. */
function validateDefaults(schema: Schema, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.default !== undefined) {
    const where = at.child("default");
    const pruned = clone(schema.default);
    prune(schema, pruned, false);
    if (!equal(pruned, schema.default))
      errors.push(invalidValue(where, schema.default, "must not have unknown fields"));
    errors.push(...validatePart(schema, schema.default, where));
  }
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    errors.push(...validateDefaults(property, at.child("properties").key(name)));
  const [items, values] = [itemsOf(schema), valuesOf(schema)];
  if (items) errors.push(...validateDefaults(items, at.child("items")));
  if (values) errors.push(...validateDefaults(values, at.child("additionalProperties")));
  return errors;
}
