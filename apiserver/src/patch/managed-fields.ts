/** `metadata.managedFields`: one entry for each manager, operation, API version and subresource. */
import type { ManagedFieldsEntry } from "@coracle/shared/api/generated/meta-v1.ts";
import { difference, emptySet, isEmptySet, setOf, union, without } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";
import { isObject } from "./json.ts";

export interface Manager {
  readonly name: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly set: FieldSet;
}

/** Managers by identity. */
export type Managers = ReadonlyMap<string, Manager>;

/** Who a manager is: an applier is the same whatever version it applies in. */
export const identityOf = (m: Pick<Manager, "name" | "operation" | "apiVersion" | "subresource">): string =>
  JSON.stringify([m.name, m.operation, m.operation === "Apply" ? "" : m.apiVersion, m.subresource]);

/** Reads the entries a client sent; undefined when one is not valid. */
export function readSentManagers(entries: unknown): Map<string, Manager> | undefined {
  if (!Array.isArray(entries)) return undefined;
  const isValid = entries.every(
    (e) => isObject(e) && (e["fieldsV1"] === undefined || isFieldSet(e["fieldsV1"])),
  );
  return isValid ? readManagers(entries) : undefined;
}

/** Reads the entries of a stored object, whose sets were checked when they came; undefined when one is not valid. */
export function readManagers(entries: unknown): Map<string, Manager> | undefined {
  const managers = new Map<string, Manager>();
  if (entries === undefined || entries === null) return managers;
  if (!Array.isArray(entries)) return undefined;
  for (const entry of entries as unknown[]) {
    const manager = readEntry(entry);
    if (!manager) return undefined;
    managers.set(identityOf(manager), manager);
  }
  return managers;
}

function readEntry(entry: unknown): Manager | undefined {
  if (!isObject(entry)) return undefined;
  const {
    manager = "",
    operation,
    apiVersion,
    time,
    fieldsType,
    fieldsV1,
    subresource = "",
  } = entry as ManagedFieldsEntry;
  if (
    (operation !== "Apply" && operation !== "Update") ||
    typeof apiVersion !== "string" ||
    apiVersion === ""
  )
    return undefined;
  if (fieldsType !== undefined && fieldsType !== "FieldsV1") return undefined;
  if (typeof manager !== "string" || typeof subresource !== "string") return undefined;
  return {
    name: manager,
    operation,
    apiVersion,
    subresource,
    time,
    set: (fieldsV1 as FieldSet | undefined) ?? emptySet,
  };
}

const elementForm = /^(?:\.|f:.*|v:.*|i:\d+|k:\{.*\})$/s;
/** No real object nests this deep; a hostile one would run the walks out of stack. */
const maxDepth = 200;

function isFieldSet(value: unknown, depth = 0): boolean {
  if (!isObject(value) || depth > maxDepth) return false;
  for (const key in value) {
    if (!elementForm.test(key) || !isFieldSet(value[key], depth + 1)) return false;
    if (key.startsWith("k:") && !isJsonObject(key.slice(2))) return false;
  }
  return true;
}

function isJsonObject(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}

/** Writes the entries in upstream's order: appliers first, then by time and name. Managers of nothing are left out. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] {
  const kept = [...managers.values()].filter((m) => !isEmptySet(m.set));
  kept.sort(
    (a, b) =>
      order(a.operation, b.operation) ||
      order(a.time ?? "", b.time ?? "") ||
      order(a.name, b.name) ||
      order(a.apiVersion, b.apiVersion) ||
      order(a.subresource, b.subresource),
  );
  return kept.map((m) => ({
    manager: m.name,
    operation: m.operation,
    apiVersion: m.apiVersion,
    ...(m.time === undefined ? {} : { time: m.time }),
    fieldsType: "FieldsV1",
    fieldsV1: m.set,
    ...(m.subresource === "" ? {} : { subresource: m.subresource }),
  }));
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Fields the system writes, which nobody manages. */
const unmanaged = setOf([
  ["apiVersion"],
  ["kind"],
  ["metadata", "name"],
  ["metadata", "namespace"],
  ["metadata", "creationTimestamp"],
  ["metadata", "selfLink"],
  ["metadata", "uid"],
  ["metadata", "clusterName"],
  ["metadata", "generation"],
  ["metadata", "managedFields"],
  ["metadata", "resourceVersion"],
]);
const metadataItself = setOf([["metadata"]]);

/** A set without what nobody manages. */
export const managedOnly = (set: FieldSet): FieldSet => difference(without(set, unmanaged), metadataItself);

const maxUpdateManagers = 10;
/** Takes over what the oldest writers own once there are too many of them. */
const ancient = "ancient-changes";

/** Merges the oldest Update entries until at most ten are left. */
export function capManagers(managers: Managers): Managers {
  const updates = [...managers].filter(([, m]) => m.operation === "Update");
  if (updates.length <= maxUpdateManagers) return managers;
  updates.sort(([, a], [, b]) => order(a.time ?? "", b.time ?? "") || order(a.name, b.name));
  const result = new Map(managers);
  let count = updates.length;
  for (const [id, manager] of updates) {
    if (count <= maxUpdateManagers) break;
    const bucket: Manager = { ...manager, name: ancient, subresource: "" };
    const bucketId = identityOf(bucket);
    if (id === bucketId) continue;
    const existing = result.get(bucketId);
    result.delete(id);
    result.set(
      bucketId,
      existing
        ? { ...existing, set: union(existing.set, manager.set), time: later(existing.time, manager.time) }
        : bucket,
    );
    if (existing) count--;
  }
  return result;
}

const later = (a: string | undefined, b: string | undefined): string | undefined =>
  order(a ?? "", b ?? "") < 0 ? b : a;
