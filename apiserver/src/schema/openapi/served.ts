import type { Json } from "./definitions.ts";

/** What the documents need to know of a kind that is served. */
export interface ServedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** `get list watch create update patch delete deletecollection`, as discovery says. */
  readonly verbs: readonly string[];
  readonly subresources: readonly ServedSubresource[];
  /** DELETE answers with the object. */
  readonly returnDeleted?: boolean | undefined;
  /** A custom resource's own OpenAPI v3 schema; built-in kinds have theirs in the table of facts. */
  readonly schema?: Json | undefined;
  /** What the documents of the server say that answers for it, the same for all kinds of a version. */
  readonly remote?: RemoteDocuments | undefined;
}

export interface RemoteDocuments {
  /** The hash of its part of v3, which is asked of that server. */
  readonly v3?: string;
  readonly v2?: { readonly paths: Json; readonly definitions: Json } | undefined;
}

export interface ServedSubresource {
  readonly name: string;
  /** `get create update patch delete`, or `connect` for streams and proxies. */
  readonly verbs: readonly string[];
  /** The kind its bodies have, when not the resource's own: Scale, Eviction, TokenRequest, PodExecOptions, … */
  readonly group?: string | undefined;
  readonly version?: string | undefined;
  readonly kind?: string | undefined;
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export type Method = "get" | "post" | "put" | "patch" | "delete" | "head" | "options";

/** One operation, from which either dialect is written. */
export interface Operation {
  readonly method: Method;
  readonly id: string;
  /** Absent, as the kind is, where the path is of no resource (discovery). */
  readonly action?: string | undefined;
  readonly gvk?: GroupVersionKind | undefined;
  readonly description: string;
  readonly tag: string;
  readonly query: readonly string[];
  /** Definition name of the body. */
  readonly body?: string | undefined;
  /** Definition name of the answer; undefined for a plain string. */
  readonly answer?: string | undefined;
  readonly codes: readonly number[];
  readonly streams?: boolean;
  /** Media types of the answer, where they are not those of every kind. */
  readonly produces?: readonly string[];
}

export interface PathDescription {
  readonly path: string;
  /** Names of the parameters in the path. */
  readonly parameters: readonly string[];
  readonly operations: readonly Operation[];
}
