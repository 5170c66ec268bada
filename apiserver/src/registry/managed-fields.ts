import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ServedResource } from "./resources.ts";

/** Who writes, for `metadata.managedFields`. */
export interface Writer {
  readonly manager: string;
  readonly now: Date;
  readonly subresource?: string | undefined;
}

/** Records the fields of a new object as its creator's. */
export function trackCreate(_served: ServedResource, _object: KubeObject, _writer: Writer): void {}
/** Records the fields that an update changed as its writer's. */
export function trackUpdate(
  _served: ServedResource,
  _object: KubeObject,
  _old: KubeObject,
  _writer: Writer,
): void {}
