import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  SelectableField,
} from "@coracle/shared/api/generated/apiextensions-v1.ts";
import { parseJsonPath } from "../../apiextensions/jsonpath.ts";
import type { Schema } from "../../apiextensions/schema/structural.ts";
import {
  duplicate,
  invalidValue,
  required,
  tooMany,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { validateStructure } from "./validate-schema.ts";

/** One version of a definition: its schema, and what is said about it beside the schema. */
export function validateVersion(version: CustomResourceDefinitionVersion, at: Path): FieldError[] {
  const schema = version.schema?.openAPIV3Schema;
  const errors = validateDeprecation(version, at);
  const where = at.child("schema", "openAPIV3Schema");
  if (!schema) errors.push(required(where, "schemas are required"));
  else errors.push(...validateStructure(schema, where), ...validateStatusProperty(version, schema, where));
  errors.push(...validateSubresources(version.subresources, at.child("subresources")));
  (version.additionalPrinterColumns ?? []).forEach((column, i) =>
    errors.push(...validateColumn(column, at.child("additionalPrinterColumns").index(i))),
  );
  return [
    ...errors,
    ...validateSelectable(version.selectableFields ?? [], schema, at.child("selectableFields")),
  ];
}

function validateDeprecation(version: CustomResourceDefinitionVersion, at: Path): FieldError[] {
  const { deprecationWarning: text } = version;
  if (text === undefined) return [];
  const where = at.child("deprecationWarning");
  if (!version.deprecated) return [invalidValue(where, text, "can only be set for deprecated versions")];
  if (text.trim() === "") return [invalidValue(where, text, "must not be empty")];
  return text.length > 256 ? [invalidValue(where, text, "must be <= 256 characters in length")] : [];
}

/** A status that is its own subresource may be declared at the root with few other keywords. */
function validateStatusProperty(
  { subresources }: CustomResourceDefinitionVersion,
  schema: Schema,
  at: Path,
): FieldError[] {
  if (!subresources?.status) return [];
  const allowed = new Set([
    "description",
    "type",
    "format",
    "title",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "required",
    "items",
    "properties",
    "externalDocs",
    "example",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
  ]);
  const odd = Object.keys(schema).filter((key) => !allowed.has(key));
  return odd.length === 0
    ? []
    : [
        invalidValue(
          at,
          odd,
          'only ["description" "example" "exclusiveMaximum" "exclusiveMinimum" "externalDocs" "format" "items" "maximum" "maxItems" "maxLength" "minimum" "minItems" "minLength" "multipleOf" "pattern" "properties" "required" "title" "type" "uniqueItems" "x-kubernetes-validations"] fields are allowed at the root of the schema if the status subresource is enabled',
        ),
      ];
}

function validateSubresources(subresources: CustomResourceSubresources | undefined, at: Path): FieldError[] {
  const scale = subresources?.scale;
  if (!scale) return [];
  const where = at.child("scale");
  return [
    ...validateScalePath(scale.specReplicasPath, [".spec"], where.child("specReplicasPath")),
    ...validateScalePath(scale.statusReplicasPath, [".status"], where.child("statusReplicasPath")),
    ...(scale.labelSelectorPath
      ? validateScalePath(scale.labelSelectorPath, [".status", ".spec"], where.child("labelSelectorPath"))
      : []),
  ];
}

function validateScalePath(text: string | undefined, roots: readonly string[], at: Path): FieldError[] {
  if (!text) return [required(at)];
  const errors = simplePath(text, at);
  if (errors.length > 0) return errors;
  return roots.some((root) => text.startsWith(`${root}.`))
    ? []
    : [invalidValue(at, text, `should be a json path under ${roots.join(" or ")}`)];
}

/** Names joined by dots and nothing else. */
function simplePath(text: string, at: Path): FieldError[] {
  return /^(?:\.[a-zA-Z_][a-zA-Z0-9_-]*)+$/.test(text) || fieldsOf(text) !== undefined
    ? []
    : [
        invalidValue(
          at,
          text,
          "should be a simple json path: fields separated by dots, without array notation",
        ),
      ];
}

function fieldsOf(text: string): readonly string[] | undefined {
  if (!text.startsWith(".")) return undefined;
  try {
    return parseJsonPath(text).fields;
  } catch {
    return undefined;
  }
}

const columnTypes = ["boolean", "date", "integer", "number", "string"];
const columnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

function validateColumn(column: CustomResourceColumnDefinition, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (!column.name) errors.push(required(at.child("name")));
  if (!column.type) errors.push(required(at.child("type"), `must be one of ${columnTypes.join(",")}`));
  else if (!columnTypes.includes(column.type))
    errors.push(invalidValue(at.child("type"), column.type, `must be one of ${columnTypes.join(",")}`));
  if (column.format && !columnFormats.includes(column.format))
    errors.push(invalidValue(at.child("format"), column.format, `must be one of ${columnFormats.join(",")}`));
  const where = at.child("jsonPath");
  if (!column.jsonPath) return [...errors, required(where)];
  try {
    if (!/^\.|^\[/.test(column.jsonPath))
      throw new Error("is not a valid json path: it must start with a dot");
    parseJsonPath(column.jsonPath);
  } catch (error) {
    errors.push(invalidValue(where, column.jsonPath, (error as Error).message));
  }
  return errors;
}

function validateSelectable(
  fields: readonly SelectableField[],
  schema: Schema | undefined,
  at: Path,
): FieldError[] {
  const errors: FieldError[] = fields.length > 8 ? [tooMany(at, fields.length, 8)] : [];
  const seen = new Set<string>();
  fields.forEach(({ jsonPath }, i) => {
    const where = at.index(i).child("jsonPath");
    if (seen.has(jsonPath)) errors.push(duplicate(where, jsonPath));
    seen.add(jsonPath);
    errors.push(...validateSelectableField(jsonPath, schema, where));
  });
  return errors;
}

function validateSelectableField(text: string, schema: Schema | undefined, at: Path): FieldError[] {
  if (!text) return [required(at)];
  const fields = fieldsOf(text);
  if (!fields || fields.length === 0)
    return [invalidValue(at, text, "is an invalid path: must be a simple path")];
  if (fields[0] === "metadata") return [invalidValue(at, text, "must not point to fields in metadata")];
  let node: Schema | undefined = schema;
  for (const field of fields) node = node?.properties?.[field];
  if (!node) return [invalidValue(at, text, "is an invalid path: does not refer to a valid field")];
  const types = ["boolean", "integer", "string"];
  return types.includes(node.type ?? "")
    ? []
    : [
        invalidValue(
          at,
          text,
          "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.",
        ),
      ];
}
