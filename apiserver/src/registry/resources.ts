import type { ObjectNode } from "../schema/node.ts";
import { schemaFor } from "../schema/registry.ts";
import type { Kind } from "./kind.ts";

/** One kind in one served version: what a path leads to. */
export interface ServedResource {
  readonly kind: Kind;
  readonly version: string;
  /** `apps/v1`, or `v1` for the core group. */
  readonly apiVersion: string;
  /** The type graph of this version; drives decoding, patching and OpenAPI. */
  readonly node: ObjectNode;
  /** The stored version, which strategies see and ownership of fields is recorded in. */
  readonly storage: { readonly node: ObjectNode; readonly apiVersion: string };
  /** Objects of this version are stored as they are. */
  readonly isStorageVersion: boolean;
}

/**
 * Every resource served, by path. Kinds come and go at run time (custom resources); discovery is told by `onChange`.
 */
export interface ResourceTable {
  find(group: string, version: string, plural: string): ServedResource | undefined;
  /** Any served version of a kind, for references by apiVersion and kind. */
  findKind(group: string, version: string, kind: string): ServedResource | undefined;
  kinds(): readonly Kind[];
  /** The kind whose objects live under this storage name (the first, where groups share one). */
  byStorage(storage: string): Kind | undefined;
  add(kind: Kind, nodes?: Readonly<Record<string, ObjectNode>>): void;
  remove(group: string, plural: string): void;
  /** Rises with every change. */
  readonly generation: number;
  onChange(listener: () => void): () => void;
}

const apiVersionOf = (group: string, version: string): string => (group ? `${group}/${version}` : version);

function storageOf(kind: Kind, version: string, node: ObjectNode): ServedResource["storage"] {
  const own = { node, apiVersion: apiVersionOf(kind.group, version) };
  if (!kind.convert || version === kind.storageVersion) return own;
  // `core/v1`: the storage is another group's.
  const [stored = "", group = kind.group] = kind.storageVersion.split("/").toReversed();
  const itsGroup = group === "core" ? "" : group;
  const storedNode = schemaFor(itsGroup, stored, kind.kind);
  return storedNode ? { node: storedNode, apiVersion: apiVersionOf(itsGroup, stored) } : own;
}

/** A table of the given kinds. A kind whose type is unknown to the schema is a programming error. */
export function createResourceTable(initial: readonly Kind[]): ResourceTable {
  const kinds = new Map<string, Kind>();
  const byPath = new Map<string, ServedResource>();
  const byKind = new Map<string, ServedResource>();
  const storages = new Map<string, Kind>();
  const listeners = new Set<() => void>();
  let generation = 0;

  const serve = (kind: Kind, nodes: Readonly<Record<string, ObjectNode>> | undefined): void => {
    for (const version of kind.versions) {
      const its = kind.perVersion?.[version] ?? kind;
      const node = nodes?.[version] ?? schemaFor(kind.group, version, kind.kind);
      if (!node) throw new Error(`no schema for ${kind.kind} in ${apiVersionOf(kind.group, version)}`);
      const served: ServedResource = {
        kind: its,
        version,
        apiVersion: apiVersionOf(kind.group, version),
        node,
        storage: storageOf(kind, version, node),
        isStorageVersion: version === kind.storageVersion || kind.convert === undefined,
      };
      byPath.set(`${kind.group}/${version}/${kind.plural}`, served);
      byKind.set(`${kind.group}/${version}/${kind.kind}`, served);
    }
    kinds.set(`${kind.group}/${kind.plural}`, kind);
    if (!storages.has(kind.storage)) storages.set(kind.storage, kind);
  };
  const changed = (): void => {
    generation++;
    for (const listener of listeners) listener();
  };
  for (const kind of initial) serve(kind, undefined);

  return {
    find: (group, version, plural) => byPath.get(`${group}/${version}/${plural}`),
    findKind: (group, version, kind) => byKind.get(`${group}/${version}/${kind}`),
    kinds: () => [...kinds.values()],
    byStorage: (storage) => storages.get(storage),
    add(kind, nodes) {
      serve(kind, nodes);
      changed();
    },
    remove(group, plural) {
      const kind = kinds.get(`${group}/${plural}`);
      if (!kind) return;
      kinds.delete(`${group}/${plural}`);
      for (const version of kind.versions) {
        byPath.delete(`${group}/${version}/${plural}`);
        byKind.delete(`${group}/${version}/${kind.kind}`);
      }
      if (storages.get(kind.storage) === kind) storages.delete(kind.storage);
      changed();
    },
    get generation() {
      return generation;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
