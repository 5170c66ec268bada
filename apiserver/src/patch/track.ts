/** Ownership of fields written by anything but server-side apply: create, update and the other patches. */
import type { ManagedFieldsEntry } from "@coracle/shared/api/generated/meta-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { decodeObject } from "../schema/decode.ts";
import type { ObjectNode } from "../schema/node.ts";
import { isEmptySet, union } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";
import { clone, equal, isObject } from "./json.ts";
import {
  capManagers,
  identityOf,
  managedOnly,
  readManagers,
  readSentManagers,
  writeManagers,
} from "./managed-fields.ts";
import type { Manager } from "./managed-fields.ts";
import { dispossess } from "./ownership.ts";
import { comparer, oneVersion, type Versions } from "./versions.ts";

export interface FieldWriter {
  /** The `fieldManager` parameter, or what {@link managerOfUserAgent} makes of the client. */
  readonly manager: string;
  /** Of the request: `apps/v1`. */
  readonly apiVersion: string;
  readonly subresource: string;
  readonly now: Date;
  /** Fields this endpoint does not write: {@link resetFieldsOf}. */
  readonly resetFields: FieldSet;
  /** Of a kind that is served in more than one; otherwise the type that is given with the object is the only one. */
  readonly versions?: Versions | undefined;
}

/** The default manager of a request: its user agent up to the first slash, printable and at most 128 characters. */
export function managerOfUserAgent(userAgent: string | undefined): string {
  const prefix = (userAgent ?? "").split("/")[0] ?? "";
  // A manager's name is at most 128 bytes of printable text.
  const printable = prefix.replace(/[^\x20-\x7e]/g, "");
  return printable.slice(0, 128) || "unknown";
}

/** Times in entries are to the second. */
export const entryTime = (now: Date): string => `${now.toISOString().slice(0, 19)}Z`;

const zeros = new WeakMap<ObjectNode, KubeObject>();

/** What an object is before it is created: for built-in types, Go's zero value. */
export function zeroObject(node: ObjectNode): KubeObject {
  let zero = zeros.get(node);
  if (!zero) {
    zero = { metadata: {}, ...decodeObject(node, {}).object };
    zeros.set(node, zero);
  }
  return zero;
}

/** The object as ownership sees it: managedFields describes fields and is none. */
export const withoutManagedFields = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, managedFields: undefined },
});

/**
 * Records in `object.metadata.managedFields` who wrote what, given the state before the write (undefined: it is being created).
 * The object is changed in place, and must have been defaulted already. Does nothing but keep the entries when nothing changed.
 */
export function trackUpdate(
  node: ObjectNode,
  live: KubeObject | undefined,
  object: KubeObject,
  writer: FieldWriter,
): void {
  const entries = recordedEntries(live, object, writer.subresource);
  const managers = readManagers(entries) ?? new Map<string, Manager>();
  if (managers.size === 0 && live !== undefined) {
    // Nobody's ownership was recorded so far, or the request asked to forget it: the next apply starts anew.
    delete object.metadata.managedFields;
    return;
  }
  const comparedIn = comparer({
    versions: writer.versions ?? oneVersion(node),
    before: live && withoutManagedFields(live),
    after: withoutManagedFields(object),
    zero: zeroObject,
    resetFields: writer.resetFields,
  });
  const compared = comparedIn(writer.apiVersion);
  if (!compared) throw new Error(`${writer.apiVersion} is not served`);
  const written = managedOnly(compared.changed);
  if (isEmptySet(written) && isEmptySet(compared.removed)) {
    // Sets are immutable, so the live entries can stand in the new object as they are.
    if (entries) object.metadata.managedFields = entries;
    return;
  }
  const next = dispossess(managers, undefined, comparedIn);
  if (!isEmptySet(written)) {
    const self = {
      name: writer.manager,
      operation: "Update" as const,
      apiVersion: writer.apiVersion,
      subresource: writer.subresource,
    };
    const id = identityOf(self);
    const previous = next.get(id);
    next.set(id, {
      ...self,
      time: entryTime(writer.now),
      set: previous ? union(previous.set, written) : written,
    });
  }
  const result = writeManagers(capManagers(next));
  if (result.length > 0) object.metadata.managedFields = result;
  else delete object.metadata.managedFields;
}

/**
 * Called last, on the object as it would be stored: when nothing but the times of the entries differs from the live object,
 * they take the live ones, so that a write that changes nothing is seen to change nothing.
 */
export function keepTimesWhenUnchanged(live: KubeObject, object: KubeObject): void {
  const before = live.metadata.managedFields;
  const after = object.metadata.managedFields;
  if (!before || !after || before.length !== after.length) return;
  // Most writes change something, and are done with here.
  if (!equal(withoutManagedFields(live), withoutManagedFields(object))) return;
  // Another time may have put an entry in another place.
  const timeless = (entries: typeof before): unknown =>
    Object.fromEntries(
      entries.map((e) => [
        JSON.stringify([e.operation, e.manager, e.apiVersion, e.subresource]),
        { ...e, time: undefined },
      ]),
    );
  if (equal(timeless(before), timeless(after))) object.metadata.managedFields = clone(before);
}

/** Entries in the request itself count when they are valid; one empty entry asks to forget everything. */
function recordedEntries(
  live: KubeObject | undefined,
  object: KubeObject,
  subresource: string,
): ManagedFieldsEntry[] | undefined {
  const sent = object.metadata.managedFields;
  if (subresource === "" && Array.isArray(sent) && sent.length > 0 && sent !== live?.metadata.managedFields) {
    if (sent.length === 1 && isObject(sent[0]) && Object.keys(sent[0]).length === 0) return undefined;
    // Most clients send back what they read.
    if (!equal(sent, live?.metadata.managedFields) && (readSentManagers(sent)?.size ?? 0) > 0) return sent;
  }
  return live?.metadata.managedFields;
}
