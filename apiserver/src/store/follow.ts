import { ApiError } from "@coracle/shared/errors.ts";
import type { Redis } from "ioredis";
import { openLink, settle, type Link, type RedisOptions } from "./connection.ts";
import { fromReplyError, tooOld } from "./codes.ts";
import { changesKey, parseKeyText, revisionKey, trimPointKey } from "./keys.ts";
import { StoreError, type Change } from "./store.ts";

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

const batchSize = 512;
const blockMs = 10_000;

/** Follows the change stream on a connection of its own, over any number of reconnects. */
export async function* followChanges(
  options: RedisOptions,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<readonly Change[]> {
  if (signal.aborted) return;
  // A server that says nothing for two blocking reads is gone, whatever TCP believes.
  const link = openLink({ ...options, socketTimeout: 2 * blockMs });
  const stop = (): void => link.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    yield* follow(link, after, signal);
  } finally {
    signal.removeEventListener("abort", stop);
    link.close();
  }
}

async function* follow(link: Link, after: number, signal: AbortSignal): AsyncGenerator<readonly Change[]> {
  let last = after;
  let checked = false;
  while (!signal.aborted) {
    let entries: LogEntry[];
    try {
      await untilReady(link, signal);
      if (!checked) await assertReachable(link.redis, last);
      checked = true;
      entries = await nextEntries(link.redis, last);
    } catch (error) {
      if (signal.aborted) return;
      if (isConnectionError(error)) {
        checked = false;
        await settle();
        continue;
      }
      throw error instanceof Error && error.name === "ReplyError" ? fromReplyError(error.message) : error;
    }
    if (entries.length === 0) continue;
    assertUnbroken(entries, last);
    last = entries[entries.length - 1]?.revision ?? last;
    yield entries.flatMap((e) => (e.change ? [e.change] : []));
  }
}

async function nextEntries(redis: Redis, after: number): Promise<LogEntry[]> {
  const reply = await redis.xread("COUNT", batchSize, "BLOCK", blockMs, "STREAMS", changesKey, `${after}-0`);
  return (reply?.[0]?.[1] ?? []).map(parseEntry);
}

/** Every revision has one entry, so a gap means that the log was trimmed under the reader or replaced by a restore. */
function assertUnbroken(entries: readonly LogEntry[], after: number): void {
  let expected = after + 1;
  for (const entry of entries) {
    if (entry.revision !== expected || !entry.change) throw tooOld(after, entry.revision);
    expected++;
  }
}

async function untilReady(link: Link, signal: AbortSignal): Promise<void> {
  if (link.redis.status === "ready") return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => resolve();
  link.redis.once("ready", done);
  signal.addEventListener("abort", done, { once: true });
  await promise;
  link.redis.off("ready", done);
  signal.removeEventListener("abort", done);
}

/** Errors of the connection, as against answers of Redis and errors of ours. LOADING is a server that is not up yet. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === "ReplyError") return error.message.startsWith("LOADING");
  return !(error instanceof ApiError || error instanceof StoreError || error instanceof TypeError);
}
