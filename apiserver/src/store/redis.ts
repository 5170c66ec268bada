import { randomBytes } from "node:crypto";
import { fromReplyError, isConnectionError, outcomeUnknown, revisionOf, storeUnavailable } from "./codes.ts";
import { openLink, settle, type Link, type RedisOptions } from "./connection.ts";
import { createFollower, type Follower } from "./follow.ts";
import { changesKey, keyText, objectKey, revisionKey, trimPointKey } from "./keys.ts";
import { readLog } from "./log.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { runScript, type ScriptName } from "./scripts.ts";
import { shareNext } from "./share-next.ts";
import { StoreError, type Change, type ObjectKey, type Store, type StoredObject } from "./store.ts";

/** How much of the log is trimmed in one go: a whole minute's changes at once would hold up every write meanwhile. */
const trimSize = 1_000;

export interface RedisStoreOptions {
  readonly redis: RedisOptions;
  /** How long a write or read waits for a lost Redis to come back. */
  readonly patienceMs?: number;
  /** Told when the connection is lost or cannot be made. */
  readonly onDown?: (reason: string) => void;
}

/** The cluster's state in Redis. */
export function createRedisStore(options: RedisStoreOptions): Store {
  const patience = options.patienceMs ?? 5_000;
  // A command that is not answered in time has an unknown outcome; the connection is then worth nothing either.
  const link = openLink({ socketTimeout: patience + 5_000, ...options.redis }, options.onDown);
  // Revision 0 means "any" to clients, so that an empty cluster is at 1.
  link.redis.on("ready", () => void link.redis.set(revisionKey, 1, "NX").catch(() => undefined));
  const process = randomBytes(9).toString("base64url");
  const follower = createFollower(link, process);
  const writer = createWriter({ link, patience, process, follower });
  const read = <T>(command: () => Promise<T>): Promise<T> => retryRead(link, patience, command);
  const revision = shareNext(async () => {
    const newest = await read(async () => Math.max(1, Number(await link.redis.get(revisionKey))));
    // Whoever asks may wait for a reader to be there. Our own writes up to it have been answered, and are told first.
    setImmediate(() => follower.told(newest));
    return newest;
  });
  return {
    create: (key, body) => writer.write("ADDED", key, body, []),
    update: (key, body, expected) => writer.write("MODIFIED", key, body, [expected]),
    delete: (key, body, expected) => writer.write("DELETED", key, body, [expected]),
    get: (key) => read(async () => parseStored(key, await link.redis.get(objectKey(key)))),
    revision,
    snapshot: () => read(() => readSnapshot(link.redis)),
    changes: follower.changes,
    async compact(first) {
      const point = await read(() => runScript(link.redis, "compact", [trimPointKey, revisionKey], [first]));
      let removed: number;
      do {
        removed = await read(() =>
          link.redis.xtrim(changesKey, "MINID", "~", `${Number(point) + 1}-0`, "LIMIT", trimSize),
        );
      } while (removed > 0);
    },
    close() {
      link.close();
      return Promise.resolve();
    },
  };
}

/** Reads `<revision>\n<body>`. */
export function parseStored(key: ObjectKey, text: string | null): StoredObject | undefined {
  if (text === null) return undefined;
  const end = text.indexOf("\n");
  return { key, revision: Number(text.slice(0, end)), body: text.slice(end + 1) };
}

async function retryRead<T>(link: Link, patience: number, command: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + patience;
  for (;;) {
    await link.ready(Math.max(0, deadline - performance.now()));
    try {
      return await command();
    } catch (error) {
      if (!isConnectionError(error)) throw plain(error);
      if (performance.now() > deadline) throw storeUnavailable();
      await settle();
    }
  }
}

/** Errors of Redis carry the command's arguments; only their first word goes on. */
const plain = (error: unknown): unknown =>
  error instanceof Error && error.name === "ReplyError" ? fromReplyError(error.message) : error;

const scripts: Readonly<Record<Change["type"], ScriptName>> = {
  ADDED: "create",
  MODIFIED: "update",
  DELETED: "delete",
};

interface WriterParts {
  readonly link: Link;
  readonly patience: number;
  readonly process: string;
  readonly follower: Follower;
}

/**
 * Makes each write exactly once as the caller sees it. When the connection drops under a write it is sent again: the
 * precondition keeps it from being made twice, and the operation id in the change log tells whether it was our own first
 * attempt that made the precondition fail.
 */
function createWriter({ link, patience, process, follower }: WriterParts) {
  let count = 0;
  let newest = 0;

  const wasMade = async (operation: string, since: number): Promise<number | undefined> => {
    for (let after = since; ;) {
      const entries = await readLog(link.redis, after, Number.MAX_SAFE_INTEGER, 256);
      const ours = entries.find((e) => e.operation === operation);
      const last = entries.at(-1);
      if (ours || !last) return ours?.revision;
      after = last.revision;
    }
  };

  const attempt = async (
    name: ScriptName,
    key: ObjectKey,
    args: readonly (string | number)[],
    repeat: { operation: string; since: number } | undefined,
  ): Promise<number> => {
    link.gather();
    const reply = await runScript(link.redis, name, [objectKey(key), revisionKey, changesKey], args);
    try {
      return revisionOf(reply);
    } catch (error) {
      if (!repeat || !(error instanceof StoreError)) throw error;
      const made = await wasMade(repeat.operation, repeat.since);
      if (made === undefined) throw error;
      return made;
    }
  };

  return {
    async write(
      type: Change["type"],
      key: ObjectKey,
      body: string,
      expected: readonly number[],
    ): Promise<number> {
      const operation = `${process}.${(count++).toString(36)}`;
      const text = keyText(key);
      const deadline = performance.now() + patience;
      let repeat: { operation: string; since: number } | undefined;
      for (;;) {
        try {
          await link.ready(Math.max(0, deadline - performance.now()));
        } catch (error) {
          throw repeat ? outcomeUnknown() : error;
        }
        const since = newest;
        const args = [text, body, operation, follower.subscriptions, ...expected];
        try {
          const revision = await attempt(scripts[type], key, args, repeat);
          if (revision > newest) newest = revision;
          follower.made({ type, key, revision, body });
          return revision;
        } catch (error) {
          if (!isConnectionError(error)) throw plain(error);
          repeat ??= { operation, since };
          if (performance.now() > deadline) throw outcomeUnknown();
          await settle();
        }
      }
    },
  };
}
