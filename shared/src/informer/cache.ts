import { apiVersionOf, type Resource } from "../api/resources.ts";
import type { Logger } from "../log.ts";
import { keyOf, type KubeObject } from "../meta/object.ts";
import { fieldsMatch, parseFieldSelector } from "../meta/fields.ts";
import { parseSelector } from "../meta/labels.ts";
import type { Informer, InformerHandler, InformerOptions } from "./informer.ts";

/** The local side of an informer: objects by key, indexes and handlers. Whoever fills it decides where objects come from. */
export interface InformerCache<T> extends Informer<T> {
  /** Takes a newer state; an older or equal one is ignored. One that the options exclude counts as gone. */
  upsert(object: T & KubeObject): void;
  /** Removes the object unless a state newer than `revision` is known. */
  remove(key: string, revision: number): void;
  /** The whole state at `revision`: what is not in it and not newer has gone. */
  replace(objects: readonly (T & KubeObject)[], revision: number): void;
  markSynced(): void;
}

type Index = Map<string, Map<string, KubeObject>>;

interface IndexEntry {
  readonly values: (object: KubeObject) => readonly string[];
  readonly byValue: Index;
}

export const revisionOf = (object: KubeObject): number => Number(object.metadata.resourceVersion ?? 0);

/** Reads `a.b.c` of an object as text, as field selectors see it. */
const readField = (object: KubeObject, field: string): string => {
  let value: unknown = object;
  for (const part of field.split(".")) value = (value as Record<string, unknown> | undefined)?.[part];
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : "";
};

/** Whether the options let an object in. The server filters lists; what comes by the feed is filtered here. */
function createFilter(options: InformerOptions): ((object: KubeObject) => boolean) | undefined {
  const { namespace } = options;
  const labels = options.labelSelector ? parseSelector(options.labelSelector) : undefined;
  const fields = options.fieldSelector ? parseFieldSelector(options.fieldSelector) : undefined;
  if (!namespace && !labels && !fields) return undefined;
  return (object) =>
    (!namespace || object.metadata.namespace === namespace) &&
    (!labels || labels.matches(object.metadata.labels)) &&
    (!fields || fieldsMatch(fields, (field) => readField(object, field)));
}

/** What a process keeps of an object: it may change the object it is given. */
export type Keep = (object: KubeObject) => KubeObject;

/** Who wrote which field is of no use to a component, and often half of an object. */
function trimmer({ metadataOnly }: InformerOptions, keep: Keep | undefined): Keep {
  return (object) => {
    delete object.metadata.managedFields;
    if (!metadataOnly) return keep ? keep(object) : object;
    const { apiVersion, kind, metadata } = object;
    return { ...(apiVersion ? { apiVersion } : {}), ...(kind ? { kind } : {}), metadata };
  };
}

export function createInformerCache<T>(
  resource: Resource<T>,
  options: InformerOptions,
  log: Logger,
  keep?: Keep,
): InformerCache<T> {
  const objects = new Map<string, KubeObject>();
  const indexes = new Map<string, IndexEntry>();
  const handlers = new Set<InformerHandler<KubeObject>>();
  const matches = createFilter(options);
  const trim = trimmer(options, keep);
  const apiVersion = apiVersionOf(resource);
  const sync = Promise.withResolvers<void>();
  let hasSynced = false;

  const reindex = (key: string, old: KubeObject | undefined, current: KubeObject | undefined): void => {
    for (const { values, byValue } of indexes.values()) {
      const before = old ? values(old) : [];
      const after = current ? values(current) : [];
      for (const value of before)
        if (!after.includes(value)) {
          const bucket = byValue.get(value);
          bucket?.delete(key);
          if (bucket?.size === 0) byValue.delete(value);
        }
      if (current)
        for (const value of after) {
          const bucket = byValue.get(value);
          if (bucket) bucket.set(key, current);
          else byValue.set(value, new Map([[key, current]]));
        }
    }
  };
  const notify = (call: (handler: InformerHandler<KubeObject>) => void): void => {
    for (const handler of handlers)
      try {
        call(handler);
      } catch (error) {
        log.error({ err: error, resource: resource.plural }, "an informer's handler failed");
      }
  };
  const drop = (key: string, old: KubeObject): void => {
    objects.delete(key);
    reindex(key, old, undefined);
    notify((handler) => handler.delete?.(old));
  };
  const put = (key: string, object: KubeObject, old: KubeObject | undefined): void => {
    // Another object of the same name: the old one's end was missed or came in one with the new one's start.
    if (old && old.metadata.uid !== object.metadata.uid) {
      drop(key, old);
      put(key, object, undefined);
      return;
    }
    objects.set(key, object);
    reindex(key, old, object);
    notify((handler) => (old ? handler.update?.(object, old) : handler.add?.(object)));
  };
  const upsert = (whole: KubeObject): void => {
    const key = keyOf(whole);
    const old = objects.get(key);
    if (old && revisionOf(old) >= revisionOf(whole)) return;
    if (matches && !matches(whole)) {
      if (old) drop(key, old);
      return;
    }
    const object = trim(whole);
    // Items of a list come without their type.
    object.apiVersion ??= apiVersion;
    object.kind ??= resource.kind;
    put(key, object, old);
  };
  const remove = (key: string, revision: number): void => {
    const old = objects.get(key);
    if (old && revisionOf(old) <= revision) drop(key, old);
  };

  return {
    resource,
    get: (key) => objects.get(key) as T | undefined,
    list: () => objects.values() as Iterable<T>,
    get size() {
      return objects.size;
    },
    byIndex(index, value) {
      const entry = indexes.get(index);
      if (!entry) throw new Error(`there is no index ${index} of ${resource.plural}`);
      const bucket = entry.byValue.get(value);
      return bucket ? ([...bucket.values()] as T[]) : [];
    },
    addIndex(index, values) {
      if (indexes.has(index)) return;
      const byValue: Index = new Map();
      // The cache only ever holds objects of this resource.
      const entry: IndexEntry = { values: (object) => values(object as T), byValue };
      for (const [key, object] of objects)
        for (const value of entry.values(object)) {
          const bucket = byValue.get(value);
          if (bucket) bucket.set(key, object);
          else byValue.set(value, new Map([[key, object]]));
        }
      indexes.set(index, entry);
    },
    on(handler) {
      const typed = handler as InformerHandler<never>;
      const entry: InformerHandler<KubeObject> = {
        add: (object) => typed.add?.(object as never),
        update: (object, old) => typed.update?.(object as never, old as never),
        delete: (object) => typed.delete?.(object as never),
      };
      for (const object of objects.values()) entry.add?.(object);
      handlers.add(entry);
      return () => void handlers.delete(entry);
    },
    get hasSynced() {
      return hasSynced;
    },
    synced: (signal) => {
      if (!signal || hasSynced) return sync.promise;
      return Promise.race([
        sync.promise,
        new Promise<never>((_, reject) => {
          const fail = (): void => reject(signal.reason as Error);
          if (signal.aborted) fail();
          else signal.addEventListener("abort", fail, { once: true });
        }),
      ]);
    },
    upsert,
    remove,
    replace(all, revision) {
      const present = new Set<string>();
      for (const object of all) {
        present.add(keyOf(object));
        upsert(object);
      }
      for (const key of objects.keys()) if (!present.has(key)) remove(key, revision);
    },
    markSynced() {
      hasSynced = true;
      sync.resolve();
    },
  };
}
