/** Secrets and ConfigMaps that pods of this node use: fetched when first needed, again when the feed says they changed. */
import type { ConfigMap, Secret } from "@coracle/shared/api/generated/core-v1.ts";
import { configMaps, secrets } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { isForbidden, isNotFound } from "@coracle/shared/errors.ts";
import type { References } from "../container/env.ts";

export type ReferenceKind = "configmaps" | "secrets";
type Held = ConfigMap | Secret;

interface Entry {
  readonly users: Set<string>;
  fetched: { readonly object: Held | undefined } | undefined;
  fetching: Promise<Held | undefined> | undefined;
  /** Counts notices: an answer that was on its way when one came is stale. */
  version: number;
}

export interface ReferenceStore {
  /** What a pod reads; it is told of changes from then on. */
  forPod(uid: string): References;
  /** The pod is gone: what nobody uses any more is forgotten. */
  release(uid: string): void;
  /** The object changed; its users hear of it. */
  changed(kind: ReferenceKind, namespace: string, name: string): void;
  /** Notices may have been lost: everything is asked for again when next needed. */
  allChanged(): void;
}

const RESOURCES = { configmaps: configMaps, secrets } as const;

/** `onChange` is called with each pod that uses a changed object. */
export function createReferenceStore(client: Client, onChange: (uid: string) => void): ReferenceStore {
  const entries = new Map<string, Entry>();
  const byPod = new Map<string, Set<string>>();

  const fetch = async (
    kind: ReferenceKind,
    namespace: string,
    name: string,
    entry: Entry,
  ): Promise<Held | undefined> => {
    for (;;) {
      const { version } = entry;
      let object: Held | undefined;
      try {
        object = await client.get(RESOURCES[kind], { namespace, name });
      } catch (error) {
        // The Node authorizer lets a kubelet see only what its pods refer to, so that absence may look like either.
        if (!isNotFound(error) && !isForbidden(error)) throw error;
        if (isForbidden(error)) return undefined;
      }
      if (entry.version !== version) continue;
      entry.fetched = { object };
      return object;
    }
  };
  const read = (
    uid: string,
    kind: ReferenceKind,
    namespace: string,
    name: string,
  ): Promise<Held | undefined> => {
    const key = `${kind}/${namespace}/${name}`;
    const entry = entries.get(key) ?? {
      users: new Set<string>(),
      fetched: undefined,
      fetching: undefined,
      version: 0,
    };
    entries.set(key, entry);
    entry.users.add(uid);
    byPod.set(uid, (byPod.get(uid) ?? new Set()).add(key));
    if (entry.fetched) return Promise.resolve(entry.fetched.object);
    entry.fetching ??= fetch(kind, namespace, name, entry).finally(() => {
      entry.fetching = undefined;
    });
    return entry.fetching;
  };
  const invalidate = (entry: Entry): void => {
    if (entry.fetched?.object?.immutable) return;
    entry.version += 1;
    entry.fetched = undefined;
  };

  return {
    forPod: (uid) => ({
      configMap: (namespace, name) => read(uid, "configmaps", namespace, name),
      secret: (namespace, name) => read(uid, "secrets", namespace, name),
    }),
    release(uid) {
      for (const key of byPod.get(uid) ?? []) {
        const entry = entries.get(key);
        entry?.users.delete(uid);
        if (entry?.users.size === 0) entries.delete(key);
      }
      byPod.delete(uid);
    },
    changed(kind, namespace, name) {
      const entry = entries.get(`${kind}/${namespace}/${name}`);
      if (!entry) return;
      invalidate(entry);
      for (const uid of entry.users) onChange(uid);
    },
    allChanged() {
      const users = new Set<string>();
      for (const entry of entries.values()) {
        invalidate(entry);
        for (const uid of entry.users) users.add(uid);
      }
      for (const uid of users) onChange(uid);
    },
  };
}
