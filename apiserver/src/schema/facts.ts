/** The shape of generated/facts.json: everything the server knows about the built-in types, in short keys. */

export interface FieldFact {
  /** JSON name; "" when the field's message is inlined. */
  readonly n: string;
  /** Protobuf field number. */
  readonly i: number;
  /** A scalar name, or a type's OpenAPI name. */
  readonly t: string;
  readonly c?: "list" | "map";
  /** Required in OpenAPI. */
  readonly r?: 1;
  /** A pointer in Go: absent and zero differ. */
  readonly p?: 1;
  /** Zero values are left out of JSON (`omitempty`). */
  readonly o?: 1;
  /** A zero struct is left out of JSON (`omitzero`). */
  readonly z?: 1;
  readonly list?: "atomic" | "set" | "map";
  readonly keys?: readonly string[];
  readonly map?: "atomic" | "granular";
  readonly ps?: string;
  readonly pk?: string;
  readonly d?: unknown;
  /** Name of an enumeration in `enums`. */
  readonly e?: string;
  /** Member of a union: the discriminator's value name. */
  readonly u?: "discriminator" | "member";
}

export interface TypeFact {
  readonly gvk?: readonly [group: string, version: string, kind: string];
  /** `structType=atomic`. */
  readonly atomic?: 1;
  readonly union?: 1;
  /** Set for a named list type (JSON array, protobuf message with `items`): its element. */
  readonly list?: string;
  readonly fields: readonly FieldFact[];
}

export interface Facts {
  readonly enums: Readonly<Record<string, readonly string[]>>;
  readonly types: Readonly<Record<string, TypeFact>>;
}
