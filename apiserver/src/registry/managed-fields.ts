import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { resetFieldsOf } from "../patch/reset-fields.ts";
import { keepTimesWhenUnchanged, trackUpdate as track, type FieldWriter } from "../patch/track.ts";
import type { ServedResource } from "./resources.ts";

/** Who writes, for `metadata.managedFields`. */
export interface Writer {
  readonly manager: string;
  readonly now: Date;
  readonly subresource?: string | undefined;
}

/** The writer as the patch module knows it, of an object in the stored version. */
export function fieldWriter({ kind, storage }: ServedResource, writer: Writer): FieldWriter {
  const subresource = writer.subresource ?? "";
  return {
    manager: writer.manager,
    apiVersion: storage.apiVersion,
    subresource,
    now: writer.now,
    resetFields: resetFieldsOf(subresource, kind.status, kind.metadataOutsideStatus),
  };
}

/** Records the fields of a new object as its creator's. */
export const trackCreate = (served: ServedResource, object: KubeObject, writer: Writer): void =>
  track(served.storage.node, undefined, object, fieldWriter(served, writer));

/** Records the fields that an update changed as its writer's. */
export const trackUpdate = (
  served: ServedResource,
  object: KubeObject,
  old: KubeObject,
  writer: Writer,
): void => track(served.storage.node, old, object, fieldWriter(served, writer));

export const keepTimes = (object: KubeObject, old: KubeObject): void => keepTimesWhenUnchanged(old, object);
