import type { Redis } from "ioredis";
import { tooOld } from "./codes.ts";
import { changesKey, parseKeyText, revisionKey, trimPointKey } from "./keys.ts";
import type { Change } from "./store.ts";

/** An entry of the change stream. `operation` tells a writer whose connection dropped that its write was made. */
export interface LogEntry {
  /** Absent for the mark that a restore leaves. */
  readonly change?: Change | undefined;
  readonly revision: number;
  readonly operation: string;
}

const types: Readonly<Record<string, Change["type"]>> = { a: "ADDED", m: "MODIFIED", d: "DELETED" };

/** Reads one stream entry as ioredis gives it. */
export function parseEntry([id, fields]: readonly [string, readonly string[]]): LogEntry {
  const revision = Number(id.slice(0, id.indexOf("-")));
  const [, code = "", , key = "", , body = "", , operation = ""] = fields;
  const type = types[code];
  return {
    revision,
    operation,
    ...(type ? { change: { type, key: parseKeyText(key), revision, body } } : {}),
  };
}

/** Entries with a revision in (after, upTo], at most `count`. */
export async function readLog(redis: Redis, after: number, upTo: number, count: number): Promise<LogEntry[]> {
  const entries = await redis.xrange(changesKey, `(${after}-0`, `${upTo}-0`, "COUNT", count);
  return entries.map(parseEntry);
}

/**
 * @throws Expired when the log cannot be followed from `after`: it was trimmed past it, or the store is behind it (it was
 * replaced by an older one).
 */
export async function assertReachable(redis: Redis, after: number): Promise<void> {
  const [point, newest] = await redis.mget(trimPointKey, revisionKey);
  if (Number(point ?? 0) > after || Number(newest ?? 0) < after) throw tooOld(after, Number(point ?? 0));
}

/**
 * The changes of entries that follow `after`. Every revision has one entry, so a gap means that the log was trimmed under the
 * reader or replaced by a restore. @throws Expired
 */
export function unbroken(entries: readonly LogEntry[], after: number): Change[] {
  return entries.map(({ revision, change }, i) => {
    if (revision !== after + 1 + i || !change) throw tooOld(after, revision);
    return change;
  });
}
