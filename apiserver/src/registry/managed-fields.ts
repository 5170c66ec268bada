import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { resetFieldsOf } from "../patch/reset-fields.ts";
import { keepTimesWhenUnchanged, trackUpdate as track, type FieldWriter } from "../patch/track.ts";
import type { Versions } from "../patch/versions.ts";
import { splitApiVersion } from "../schema/registry.ts";
import { fromStorage, toStorage } from "./read-body.ts";
import type { ResourceTable, ServedResource } from "./resources.ts";

/** Who writes, for `metadata.managedFields`. */
export interface Writer {
  readonly manager: string;
  readonly now: Date;
  readonly subresource?: string | undefined;
}

/** The writer as the patch module knows it. */
export function fieldWriter(resources: ResourceTable, served: ServedResource, writer: Writer): FieldWriter {
  const subresource = writer.subresource ?? "";
  const { kind } = served;
  return {
    manager: writer.manager,
    apiVersion: served.apiVersion,
    subresource,
    now: writer.now,
    resetFields: resetFieldsOf(subresource, kind.status, kind.metadataOutsideStatus),
    // Custom resources are converted by others' code, one list at a time: their entries are read in the version at hand.
    versions: kind.custom ? undefined : versionsOf(resources, served),
  };
}

/** All that is served of the objects of one storage: `v1` and `events.k8s.io/v1` of an Event. */
function versionsOf(resources: ResourceTable, { kind }: ServedResource): Versions {
  const find = (apiVersion: string): ServedResource | undefined => {
    const [group, version] = splitApiVersion(apiVersion);
    const found = resources.findKind(group, version, kind.kind);
    return found?.kind.storage === kind.storage ? found : undefined;
  };
  return {
    node: (apiVersion) => find(apiVersion)?.node,
    convert(object, to) {
      if (object.apiVersion === to) return object;
      const [from, into] = [find(object.apiVersion ?? ""), find(to)];
      if (!from || !into)
        throw new Error(`${kind.kind} cannot be converted from ${object.apiVersion} to ${to}`);
      return fromStorage(into, toStorage(from, structuredClone(object)));
    },
  };
}

/** Records the fields of a new object (in the stored version) as its creator's. */
export const trackCreate = (
  resources: ResourceTable,
  served: ServedResource,
  object: KubeObject,
  writer: Writer,
): void => track(served.storage.node, undefined, object, fieldWriter(resources, served, writer));

/** Records the fields that an update changed as its writer's. */
export const trackUpdate = (
  resources: ResourceTable,
  served: ServedResource,
  { object, old }: { readonly object: KubeObject; readonly old: KubeObject },
  writer: Writer,
): void => track(served.storage.node, old, object, fieldWriter(resources, served, writer));

export const keepTimes = (object: KubeObject, old: KubeObject): void => keepTimesWhenUnchanged(old, object);
