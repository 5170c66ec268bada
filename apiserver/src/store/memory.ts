import { tooOld } from "./codes.ts";
import { keyText } from "./keys.ts";
import { StoreError, type Change, type ObjectKey, type Store, type StoredObject } from "./store.ts";

/** The store in memory, for tests: the same contract, nothing survives the process. */
export function createMemoryStore(): Store {
  const objects = new Map<string, StoredObject>();
  let log: Change[] = [];
  let revision = 1;
  let trimmed = 0;
  let wake = Promise.withResolvers<void>();

  const commit = (type: Change["type"], key: ObjectKey, body: string): number => {
    revision++;
    const stored = { key, revision, body };
    if (type === "DELETED") objects.delete(keyText(key));
    else objects.set(keyText(key), stored);
    log.push({ ...stored, type });
    wake.resolve();
    wake = Promise.withResolvers<void>();
    return revision;
  };
  const expect = (key: ObjectKey, expected: number): void => {
    const have = objects.get(keyText(key));
    if (!have) throw new StoreError("missing");
    if (have.revision !== expected) throw new StoreError("stale");
  };

  return {
    async create(key, body) {
      if (objects.has(keyText(key))) throw new StoreError("exists");
      return commit("ADDED", key, body);
    },
    async update(key, body, expected) {
      expect(key, expected);
      return commit("MODIFIED", key, body);
    },
    async delete(key, body, expected) {
      expect(key, expected);
      return commit("DELETED", key, body);
    },
    get: async (key) => objects.get(keyText(key)),
    revision: async () => revision,
    snapshot: async () => ({ revision, objects: [...objects.values()] }),
    async *changes(after, signal) {
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      const stop = (): void => resolve();
      signal.addEventListener("abort", stop, { once: true });
      try {
        for (let last = after; !signal.aborted;) {
          if (last < trimmed || last > revision) throw tooOld(last, trimmed);
          // Revisions in the log are consecutive.
          const batch = log.slice(Math.max(0, last + 1 - (log[0]?.revision ?? 0)));
          if (batch.length === 0) {
            await Promise.race([wake.promise, aborted]);
            continue;
          }
          last = batch[batch.length - 1]?.revision ?? last;
          yield batch;
        }
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
    async compact(first) {
      trimmed = Math.max(trimmed, Math.min(first, revision + 1) - 1);
      log = log.filter((c) => c.revision > trimmed);
    },
    close: () => Promise.resolve(),
  };
}
