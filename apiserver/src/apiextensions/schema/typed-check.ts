/** Finds the fields that a rule names but its schema does not have. */
import { CelCompileError } from "@coracle/shared/cel/compile-error.ts";
import { compile } from "@coracle/shared/cel/environment.ts";
import { baseEnvironment } from "../cel/environment.ts";
import type { Environment } from "@coracle/shared/cel/library.ts";
import { isEmbedded, isIntOrString, itemsOf, preserves, valuesOf, type Schema } from "./structural.ts";
import { escapedName } from "./typed-value.ts";

/**
 * Compiles a rule with `self` of the schema's own type.
 * @throws CelCompileError for a field that does not exist, and for operands that can never fit. Other doubts of the type checker
 * are left to the values themselves.
 */
export function checkAgainstTypes(schema: Schema, isRoot: boolean, expression: string): void {
  const environment = baseEnvironment();
  const type = declare(environment, schema, { name: "Self", isRoot });
  environment.registerVariable("self", type).registerVariable("oldSelf", "dyn");
  try {
    compile(environment, expression);
  } catch (error) {
    if (!(error instanceof CelCompileError)) return;
    if (error.code === "no_such_key" || comparesStrangers(error.text)) throw error;
  }
}

/** Numbers, texts and truth values have nothing to say to one another. */
function comparesStrangers(text: string): boolean {
  const [, left, right] =
    /applied to '\((int|double|string|bool), (int|double|string|bool)\)'/.exec(text) ?? [];
  const kind = (type: string | undefined): string | undefined => (type === "double" ? "int" : type);
  return kind(left) !== kind(right);
}

interface Naming {
  readonly name: string;
  readonly isRoot: boolean;
}

/** The name of the schema's type, declared with its parts. */
function declare(environment: Environment, schema: Schema, { name, isRoot }: Naming): string {
  if (isIntOrString(schema) || (preserves(schema) && !schema.properties)) return "dyn";
  switch (schema.type) {
    case "object":
      return declareObject(environment, schema, { name, isRoot });
    case "array": {
      const items = itemsOf(schema);
      return items
        ? `list<${declare(environment, items, { name: `${name}.items`, isRoot: false })}>`
        : "list";
    }
    case "boolean":
      return "bool";
    case "integer":
      return "int";
    case "number":
      return "double";
    case "string":
      return stringType(schema.format);
    default:
      return "dyn";
  }
}

const stringType = (format: string | undefined): string => {
  if (format === "byte") return "bytes";
  if (format === "date" || format === "date-time" || format === "datetime")
    return "google.protobuf.Timestamp";
  return format === "duration" ? "google.protobuf.Duration" : "string";
};

function declareObject(environment: Environment, schema: Schema, { name, isRoot }: Naming): string {
  const values = valuesOf(schema);
  if (values)
    return `map<string, ${declare(environment, values, { name: `${name}.values`, isRoot: false })}>`;
  if (!schema.properties && !isRoot && !isEmbedded(schema)) return "dyn";
  const fields: Record<string, string> = {};
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapedName(key);
    if (escaped !== undefined)
      fields[escaped] = declare(environment, property, { name: `${name}.${escaped}`, isRoot: false });
  }
  if (isRoot || isEmbedded(schema)) {
    Object.assign(fields, { apiVersion: "string", kind: "string" });
    const metadata = `${name}.metadata_`;
    environment.registerType(metadata, { fields: { name: "string", generateName: "string" } });
    fields["metadata"] = metadata;
  }
  environment.registerType(name, { fields });
  return name;
}
