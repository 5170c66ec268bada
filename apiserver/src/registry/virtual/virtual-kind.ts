import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Handler } from "../handler.ts";
import type { Kind } from "../kind.ts";
import type { Call, Registry } from "../registry.ts";

/** A kind whose objects are not stored: they are answered (reviews) or made on request (ComponentStatus, metrics). */
export interface VirtualKind {
  readonly kind: Kind;
  /** For kinds that are only POSTed. */
  readonly create?: Handler | undefined;
  /** For kinds that are read: all objects of a namespace ("" for every one), or of cluster scope. */
  readonly objects?:
    | ((registry: Registry, call: Call) => Promise<readonly KubeObject[]> | readonly KubeObject[])
    | undefined;
}
