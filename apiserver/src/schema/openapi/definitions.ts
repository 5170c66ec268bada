/** The types as OpenAPI definitions, in the two dialects: v2 (Swagger) and v3. */
import { commonDescription } from "./common-descriptions.ts";
import type { Field, Node, ObjectNode, ScalarNode } from "../node.ts";
import { facts, typeNode } from "../registry.ts";

export type Json = Record<string, unknown>;
export type Dialect = "v2" | "v3";

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
export const quantityName = "io.k8s.apimachinery.pkg.api.resource.Quantity";
export const intOrStringName = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

/** Scalars that are definitions of their own. */
const namedScalars: Readonly<Record<string, string>> = {
  quantity: quantityName,
  intOrString: intOrStringName,
  time: `${meta}.Time`,
  microTime: `${meta}.MicroTime`,
  duration: `${meta}.Duration`,
};

const plainScalars: Readonly<Record<string, Json>> = {
  string: { type: "string" },
  boolean: { type: "boolean" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  double: { type: "number", format: "double" },
  bytes: { type: "string", format: "byte" },
};

/** Definitions whose JSON is not their fields. */
const special = (dialect: Dialect): Readonly<Record<string, Json>> => ({
  [quantityName]: dialect === "v2" ? { type: "string" } : { oneOf: [{ type: "string" }, { type: "number" }] },
  [intOrStringName]:
    dialect === "v2"
      ? { type: "string", format: "int-or-string" }
      : { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] },
  [`${meta}.Time`]: { type: "string", format: "date-time" },
  [`${meta}.MicroTime`]: { type: "string", format: "date-time" },
  [`${meta}.Duration`]: { type: "string" },
  [`${meta}.FieldsV1`]: { type: "object" },
  [`${meta}.Patch`]: { type: "object" },
  "io.k8s.apimachinery.pkg.runtime.RawExtension": { type: "object" },
});

export const prefixOf = (dialect: Dialect): string =>
  dialect === "v2" ? "#/definitions/" : "#/components/schemas/";

/** The name a type is referred to by; undefined for types written in place. */
export function referenceName(node: Node): string | undefined {
  if (node.kind === "scalar") return namedScalars[node.type];
  if (node.kind === "map" || node.kind === "list") return undefined;
  return node.name === "" ? undefined : node.name;
}

export interface DefinitionOptions {
  readonly dialect: Dialect;
  /** Descriptions by definition name; "" is the type's own. */
  readonly descriptions: Descriptions;
  /** Leave out enumerations, as upstream's published documents do. */
  readonly withoutEnums?: boolean;
}
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** One definition by name; its references are names of further ones. */
export function definition(name: string, options: DefinitionOptions): Json {
  const description = options.descriptions[name]?.[""];
  const described = description ? { description } : {};
  const node = typeNode(name);
  const known = special(options.dialect)[name];
  if (known) return { ...described, ...known };
  if (node?.kind !== "object") return described;
  return { ...described, ...objectSchema(node, options) };
}

function objectSchema(node: ObjectNode, options: DefinitionOptions): Json {
  const fact = facts.types[node.name];
  // Every kind has apiVersion and kind, described once.
  const shared = fact?.gvk ? options.descriptions[`${meta}.TypeMeta`] : undefined;
  const texts = { ...shared, ...options.descriptions[node.name] };
  // Without any descriptions there are types alone.
  const described = Object.keys(texts).length > 0;
  const properties: Json = {};
  const required: string[] = [];
  for (const field of [...node.fields.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const common = described && fact?.gvk ? commonDescription(fact.gvk[2], field.name) : undefined;
    const type = options.descriptions[referenceName(field.node) ?? ""]?.[""];
    const text = texts[field.name] ?? common ?? type;
    properties[field.name] = propertySchema(field, text, options);
    if (field.required) required.push(field.name);
  }
  return {
    type: "object",
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(required.length > 0 ? { required } : {}),
    ...(fact?.atomic ? { "x-kubernetes-map-type": "atomic" } : {}),
    ...unionOf(node),
  };
}

/** A `+union` type lists its members, keyed by the name the discriminator takes. */
function unionOf(node: ObjectNode): Json {
  const fields = [...node.fields.values()];
  const discriminator = fields.find((f) => f.unionDiscriminator)?.name;
  if (!facts.types[node.name]?.union) return {};
  const members = fields.filter((f) => f.name !== discriminator && !f.required);
  return {
    "x-kubernetes-unions": [
      {
        ...(discriminator ? { discriminator } : {}),
        "fields-to-discriminateBy": Object.fromEntries(
          members.map((f) => [f.name, f.name.charAt(0).toUpperCase() + f.name.slice(1)]),
        ),
      },
    ],
  };
}

function propertySchema(field: Field, description: string | undefined, options: DefinitionOptions): Json {
  const fallback = options.dialect === "v3" ? defaultOf(field) : undefined;
  const siblings: Json = {
    ...(description ? { description } : {}),
    ...(fallback !== undefined ? { default: fallback } : {}),
    ...(field.declaredListType ? { "x-kubernetes-list-type": field.declaredListType } : {}),
    ...(field.node.kind === "list" && field.node.keys.length > 0
      ? { "x-kubernetes-list-map-keys": field.node.keys }
      : {}),
    ...(field.mapType ? { "x-kubernetes-map-type": field.mapType } : {}),
    ...(field.patchStrategy.length > 0
      ? { "x-kubernetes-patch-strategy": field.patchStrategy.join(",") }
      : {}),
    ...(field.patchMergeKey ? { "x-kubernetes-patch-merge-key": field.patchMergeKey } : {}),
  };
  return withSiblings(nodeSchema(field.node, options), siblings, options.dialect);
}

/** In v3 a reference with anything beside it must be wrapped. */
function withSiblings(schema: Json, siblings: Json, dialect: Dialect): Json {
  if (dialect === "v3" && "$ref" in schema && Object.keys(siblings).length > 0) {
    return { ...siblings, allOf: [schema] };
  }
  return { ...siblings, ...schema };
}

/** A type where it is used: a reference, or its schema in place. */
export function nodeSchema(node: Node, options: DefinitionOptions): Json {
  const name = referenceName(node);
  if (name !== undefined) return { $ref: `${prefixOf(options.dialect)}${name}` };
  switch (node.kind) {
    case "scalar":
      return scalarSchema(node, options);
    case "map":
      return { type: "object", additionalProperties: element(node.values, options) };
    case "list":
      return { type: "array", items: element(node.items, options) };
    case "object":
      return objectSchema(node, options);
    case "any":
    case "choice":
      return {};
  }
}

function element(node: Node, options: DefinitionOptions): Json {
  const schema = nodeSchema(node, options);
  if (options.dialect !== "v3") return schema;
  const zero = zeroDefault(node);
  return zero === undefined ? schema : withSiblings(schema, { default: zero }, "v3");
}

function scalarSchema(node: ScalarNode, options: DefinitionOptions): Json {
  const plain = plainScalars[node.type] ?? {};
  return node.enum && node.enum.length > 0 && !options.withoutEnums ? { ...plain, enum: node.enum } : plain;
}

function zeroDefault(node: Node): unknown {
  if (node.kind === "object") return {};
  if (node.kind !== "scalar" || node.type in namedScalars) return undefined;
  if (node.enum) return undefined;
  return node.type === "boolean"
    ? false
    : /^int|double/.test(node.type)
      ? 0
      : node.type === "bytes"
        ? undefined
        : "";
}

/** What Go leaves in a field that was not set; upstream documents it as the default. */
function defaultOf(field: Field): unknown {
  if (field.default !== undefined) return field.default;
  if (!field.go || field.go.pointer) return undefined;
  if (field.node.kind === "object") return {};
  return field.go.omitEmpty ? undefined : zeroDefault(field.node);
}

/** Every definition that these, and what they refer to, need. */
export function closure(names: Iterable<string>): Set<string> {
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const node = typeNode(name);
    if (node?.kind === "object") for (const field of node.fields.values()) visitNode(field.node);
    // A choice is published as a name without a structure.
  };
  const visitNode = (node: Node): void => {
    const name = referenceName(node);
    if (name !== undefined) visit(name);
    else if (node.kind === "map") visitNode(node.values);
    else if (node.kind === "list") visitNode(node.items);
  };
  for (const name of names) visit(name);
  return seen;
}
