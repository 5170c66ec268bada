/**
 * A type as the server works with it: one graph for built-in types (from the facts) and for custom resources (from their
 * OpenAPI schema). Decoding, pruning, OpenAPI, strategic merge and server-side apply all walk it.
 */

export type ScalarType =
  | "string"
  | "boolean"
  | "int32"
  | "int64"
  | "double"
  | "bytes"
  | "quantity"
  | "intOrString"
  | "time"
  | "microTime"
  | "duration";

export interface ScalarNode {
  readonly kind: "scalar";
  readonly type: ScalarType;
  /** Values allowed, and the enumeration's OpenAPI name for built-in types. */
  readonly enum?: readonly string[];
  readonly enumName?: string;
}

export interface ObjectNode {
  readonly kind: "object";
  /** The OpenAPI definition's name (`io.k8s.api.core.v1.Pod`); "" for a custom resource's inner objects. */
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
  /** Owned and replaced as a whole by server-side apply. */
  readonly atomic: boolean;
  /** Unknown fields are kept (`x-kubernetes-preserve-unknown-fields`), with values of this type. */
  readonly additional?: Node;
  /** It carries apiVersion, kind and metadata of its own (`x-kubernetes-embedded-resource`). */
  readonly embedded?: boolean;
}

export interface MapNode {
  readonly kind: "map";
  readonly values: Node;
  readonly atomic: boolean;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: Node;
  readonly listType: "atomic" | "set" | "map";
  /** Keys of a `map` list. */
  readonly keys: readonly string[];
  /** A named list type of its own in OpenAPI. */
  readonly name?: string;
}

/** Anything: its structure is deduced from the value. `objectOnly` for RawExtension and FieldsV1. */
export interface AnyNode {
  readonly kind: "any";
  readonly name: string;
  readonly objectOnly: boolean;
}

/** JSON that is an object, or instead a list or a boolean (JSONSchemaPropsOrArray and its like). */
export interface ChoiceNode {
  readonly kind: "choice";
  readonly name: string;
  readonly object: Node;
  readonly list?: Node;
  readonly boolean?: boolean;
}

export type Node = ScalarNode | ObjectNode | MapNode | ListNode | AnyNode | ChoiceNode;

export interface Field {
  readonly name: string;
  readonly node: Node;
  /** Required in OpenAPI. */
  readonly required: boolean;
  /** From `+default`; undefined when there is none. */
  readonly default?: unknown;
  readonly patchStrategy: readonly string[];
  readonly patchMergeKey?: string;
  /** How upstream's Go type writes the field, which decides what stands in JSON for a zero value. Absent for custom resources. */
  readonly go?: { readonly pointer: boolean; readonly omitEmpty: boolean; readonly omitZero: boolean };
  /** Overrides the node's own type in OpenAPI (`x-kubernetes-map-type`) when the field says so. */
  readonly mapType?: "atomic" | "granular";
  /** The list type as declared, absent when the field declares none (it is atomic then). */
  readonly declaredListType?: "atomic" | "set" | "map";
  readonly unionDiscriminator?: boolean;
}
