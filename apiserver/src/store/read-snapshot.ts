import type { Redis } from "ioredis";
import { readLog } from "./log.ts";
import { objectPrefix, parseKeyText, revisionKey } from "./keys.ts";
import type { Snapshot, StoredObject } from "./store.ts";

const scanCount = 500;
const logCount = 512;
const attempts = 5;

/**
 * Every object at one revision, without stopping Redis: the keys are scanned while writes go on, and the changes made
 * meanwhile are applied on top.
 */
export async function readSnapshot(redis: Redis): Promise<Snapshot> {
  for (let attempt = 1; ; attempt++) {
    const before = await readRevision(redis);
    const objects = await scanObjects(redis);
    const after = await readRevision(redis);
    if (await replay(redis, objects, before, after))
      return { revision: after, objects: [...objects.values()] };
    if (attempt === attempts) throw new Error("the change log was trimmed under every attempt at a snapshot");
  }
}

const readRevision = async (redis: Redis): Promise<number> =>
  Math.max(1, Number(await redis.get(revisionKey)));

async function scanObjects(redis: Redis): Promise<Map<string, StoredObject>> {
  const objects = new Map<string, StoredObject>();
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", `${objectPrefix}*`, "COUNT", scanCount);
    cursor = next;
    if (keys.length === 0) continue;
    const values = await redis.mget(keys);
    for (const [i, key] of keys.entries()) {
      const value = values[i];
      // Deleted since the scan saw it.
      if (value === null || value === undefined) continue;
      const text = key.slice(objectPrefix.length);
      const end = value.indexOf("\n");
      objects.set(text, {
        key: parseKeyText(text),
        revision: Number(value.slice(0, end)),
        body: value.slice(end + 1),
      });
    }
  } while (cursor !== "0");
  return objects;
}

/** @returns false when the log does not reach back far enough. */
async function replay(
  redis: Redis,
  objects: Map<string, StoredObject>,
  from: number,
  to: number,
): Promise<boolean> {
  for (let last = from; last < to;) {
    const entries = await readLog(redis, last, to, logCount);
    if (entries.length === 0) return false;
    for (const { revision, change } of entries) {
      if (revision !== last + 1 || !change) return false;
      last = revision;
      const text = `${change.key.resource}/${change.key.namespace}/${change.key.name}`;
      const have = objects.get(text);
      if (have && have.revision > revision) continue;
      if (change.type === "DELETED") objects.delete(text);
      else objects.set(text, { key: change.key, revision, body: change.body });
    }
  }
  return true;
}
