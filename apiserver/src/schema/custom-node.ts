/** The type graph of a custom resource, from the structural OpenAPI v3 schema in its CustomResourceDefinition. */
import type { AnyNode, Field, Node, ObjectNode, ScalarType } from "./node.ts";
import { typeNode } from "./registry.ts";

/** The parts of a structural schema that say what a value is. Rules on values are validation's. */
export interface StructuralSchema {
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly properties?: Readonly<Record<string, StructuralSchema>> | undefined;
  readonly items?: StructuralSchema | undefined;
  readonly additionalProperties?: StructuralSchema | boolean | undefined;
  readonly required?: readonly string[] | undefined;
  readonly default?: unknown;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean | undefined;
  readonly "x-kubernetes-int-or-string"?: boolean | undefined;
  readonly "x-kubernetes-embedded-resource"?: boolean | undefined;
  readonly "x-kubernetes-list-type"?: string | undefined;
  readonly "x-kubernetes-list-map-keys"?: readonly string[] | undefined;
  readonly "x-kubernetes-map-type"?: string | undefined;
}

const anything: AnyNode = { kind: "any", name: "", objectOnly: false };
const text: Node = { kind: "scalar", type: "string" };
const objectMeta = (): Node => typeNode("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta") ?? anything;

/** The kind itself: its schema with apiVersion, kind and metadata, which every object has. Without a schema anything is kept. */
export function customResourceNode(schema: StructuralSchema | undefined): ObjectNode {
  const root = schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return objectNode(root, true);
}

function nodeOf(schema: StructuralSchema): Node {
  if (schema["x-kubernetes-int-or-string"]) return { kind: "scalar", type: "intOrString" };
  switch (schema.type) {
    case "object":
      return isMap(schema)
        ? mapNode(schema)
        : objectNode(schema, schema["x-kubernetes-embedded-resource"] === true);
    case "array":
      return {
        kind: "list",
        items: schema.items ? nodeOf(schema.items) : anything,
        listType: listType(schema["x-kubernetes-list-type"]),
        keys: schema["x-kubernetes-list-map-keys"] ?? [],
      };
    case "string":
    case "boolean":
    case "integer":
    case "number":
      return { kind: "scalar", type: scalars[schema.type] };
    default:
      return anything;
  }
}

const scalars = {
  string: "string",
  boolean: "boolean",
  integer: "int64",
  number: "double",
} as const satisfies Record<string, ScalarType>;
const listType = (declared: string | undefined): "atomic" | "set" | "map" =>
  declared === "set" || declared === "map" ? declared : "atomic";
const isAtomic = (schema: StructuralSchema): boolean => schema["x-kubernetes-map-type"] === "atomic";

/** A map proper: keys of any name. An object without anything declared keeps nothing, unless it says so. */
const isMap = (schema: StructuralSchema): boolean =>
  schema.additionalProperties !== undefined && schema.additionalProperties !== false && !schema.properties;

function mapNode(schema: StructuralSchema): Node {
  const values =
    typeof schema.additionalProperties === "object" ? nodeOf(schema.additionalProperties) : anything;
  return { kind: "map", values, atomic: isAtomic(schema) };
}

function objectNode(schema: StructuralSchema, isResource: boolean): ObjectNode {
  const required = new Set(schema.required);
  const fields = new Map<string, Field>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    fields.set(name, {
      name,
      node: nodeOf(property),
      required: required.has(name),
      ...(property.default === undefined ? {} : { default: property.default }),
      patchStrategy: [],
    });
  }
  if (isResource) {
    for (const name of ["apiVersion", "kind"])
      fields.set(name, { name, node: text, required: true, patchStrategy: [] });
    fields.set("metadata", { name: "metadata", node: objectMeta(), required: false, patchStrategy: [] });
  }
  return {
    kind: "object",
    name: "",
    fields,
    atomic: isAtomic(schema),
    ...(schema["x-kubernetes-preserve-unknown-fields"] ? { additional: anything } : {}),
    ...(isResource ? { embedded: true } : {}),
  };
}
