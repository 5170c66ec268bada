import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import {
  changesChannel,
  changesKey,
  keyText,
  objectPrefix,
  parseKeyText,
  revisionKey,
  trimPointKey,
} from "./keys.ts";
import type { Snapshot, StoredObject } from "./store.ts";

/**
 * A snapshot as text, a JSON value a line: a header, every object as it lies in the store (encrypted bodies stay encrypted),
 * and an end with the number of objects and the digest of all lines before it.
 */
const format = "coracle-snapshot/1";

interface Header {
  readonly format: string;
  readonly revision: number;
  readonly time: string;
}
interface End {
  readonly objects: number;
  readonly sha256: string;
}

/** The lines of a snapshot, each with its newline. */
export function* writeLines(snapshot: Snapshot, time: Date): Generator<string> {
  const hash = createHash("sha256");
  const line = (value: unknown): string => {
    const text = `${JSON.stringify(value)}\n`;
    hash.update(text);
    return text;
  };
  yield line({ format, revision: snapshot.revision, time: time.toISOString() } satisfies Header);
  const ordered = snapshot.objects.toSorted((a, b) => a.revision - b.revision);
  for (const { key, revision, body } of ordered) yield line({ key: keyText(key), revision, body });
  yield `${JSON.stringify({ objects: snapshot.objects.length, sha256: hash.digest("hex") } satisfies End)}\n`;
}

/**
 * Reads and checks a whole snapshot. Objects come in the order of their revisions.
 * @throws Error when it is damaged or cut short
 */
export async function readLines(lines: AsyncIterable<string>): Promise<Snapshot> {
  const hash = createHash("sha256");
  const objects: StoredObject[] = [];
  let header: Header | undefined;
  let end: End | undefined;
  for await (const line of lines) {
    if (line === "") continue;
    if (end) throw damaged("there is more after its end");
    const value = parseLine(line);
    if (!header) header = readHeader(value);
    else if ("sha256" in value) {
      end = value as unknown as End;
      continue;
    } else objects.push(readObject(value));
    hash.update(`${line}\n`);
  }
  if (!header || !end) throw damaged("it is cut short");
  if (end.objects !== objects.length || end.sha256 !== hash.digest("hex")) {
    throw damaged("its digest does not match");
  }
  return { revision: header.revision, objects };
}

function parseLine(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below, without the line: it may be a Secret.
  }
  throw damaged("a line is not JSON");
}

function readHeader(value: Record<string, unknown>): Header {
  if (value["format"] !== format) throw damaged(`it does not begin with a ${format} header`);
  return value as unknown as Header;
}

function readObject({ key, revision, body }: Record<string, unknown>): StoredObject {
  if (typeof key !== "string" || typeof revision !== "number" || typeof body !== "string") {
    throw damaged("a line is not an object");
  }
  return { key: parseKeyText(key), revision, body };
}

const damaged = (why: string): Error => new Error(`the snapshot cannot be used: ${why}`);

/** Revisions between what anybody may have seen and what is restored. */
const leap = 1_000_000;

/**
 * Replaces everything in the store by the snapshot, in one transaction. Objects get new revisions, above every revision that
 * the snapshot or the present store ever gave out, so that no client sees time run backwards; watches and caches that
 * follow the old history end with Expired and list again.
 * @returns the store's new revision
 */
export async function restore(redis: Redis, snapshot: Snapshot): Promise<number> {
  const present = Number((await redis.get(revisionKey)) ?? 0);
  const old = await scanKeys(redis);
  const start = Math.max(present, snapshot.revision) + leap;
  const transaction = redis.multi();
  for (let i = 0; i < old.length; i += 1_000) transaction.unlink(...old.slice(i, i + 1_000));
  let revision = start;
  for (const { key, body } of snapshot.objects) {
    revision++;
    transaction.set(`${objectPrefix}${keyText(key)}`, `${revision}\n${body}`);
  }
  revision++;
  transaction.unlink(changesKey);
  // A mark that is no change: whoever still follows the log learns that it was replaced.
  transaction.xadd(changesKey, `${revision}-0`, "t", "restore");
  transaction.set(trimPointKey, revision);
  transaction.set(revisionKey, revision);
  transaction.publish(changesChannel, `${revision} restore`);
  const results = await transaction.exec();
  const failed = results?.find(([error]) => error)?.[0];
  if (!results || failed)
    throw new Error(`the restore failed: ${failed?.message.split(" ", 1)[0] ?? "aborted"}`);
  return revision;
}

async function scanKeys(redis: Redis): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = "0";
  do {
    const [next, found] = await redis.scan(cursor, "MATCH", `${objectPrefix}*`, "COUNT", 1_000);
    for (const key of found) keys.add(key);
    cursor = next;
  } while (cursor !== "0");
  return [...keys];
}
