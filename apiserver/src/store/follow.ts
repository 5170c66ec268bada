import { settle, type Link } from "./connection.ts";
import { fromReplyError, isConnectionError } from "./codes.ts";
import { changesChannel } from "./keys.ts";
import { assertReachable, readLog, unbroken } from "./log.ts";
import { createPending, type Pending } from "./pending.ts";
import type { Change } from "./store.ts";

/** Hands the changes of the store to readers in this process. */
export interface Follower {
  /** A change of this process, in the order of Redis's answers. */
  readonly made: (change: Change) => void;
  /** How many of the channel's subscribers are this process: a write need not be announced to itself. */
  readonly subscriptions: 0 | 1;
  /** The store was seen to be at this revision. */
  readonly told: (revision: number) => void;
  /** Changes after a revision, in order, over any number of reconnects. @throws Expired */
  readonly changes: (after: number, signal: AbortSignal) => AsyncIterable<readonly Change[]>;
}

const batchSize = 512;
/** The log is the truth and a message only a wake-up: without one, the log is looked at this often. */
const lookMs = 10_000;

/**
 * Follows the change log. Each write is announced on a channel, when others listen there, on the same connection that the
 * writes go over; what others announce is read from the log, and what this process made is known already.
 * @param process what the ids of this process's operations begin with
 */
export function createFollower(link: Link, process: string): Follower {
  const readers = new Set<Pending>();
  let subscriptions: 0 | 1 = 0;
  const told = (revision: number): void => readers.forEach((reader) => reader.told(revision));
  link.redis.on("message", (_channel: string, text: string) => {
    const [revision = "", operation = ""] = text.split(" ");
    if (operation.startsWith(process)) return;
    told(Number(revision));
  });
  link.redis.on("close", () => (subscriptions = 0));
  link.redis.on("ready", () => {
    // In this order: what is not in the log yet when it is read will be announced.
    link.redis.subscribe(changesChannel).then(
      () => (subscriptions = 1),
      () => undefined,
    );
    for (const reader of readers) reader.look();
  });
  return {
    made(change) {
      for (const reader of readers) reader.made(change);
    },
    told,
    get subscriptions() {
      return subscriptions;
    },
    async *changes(after, signal) {
      if (signal.aborted) return;
      const reader = createPending();
      const wake = (): void => reader.wake();
      const timer = setInterval(() => reader.look(), lookMs);
      readers.add(reader);
      signal.addEventListener("abort", wake, { once: true });
      try {
        yield* follow({ link, reader, signal }, after);
      } finally {
        clearInterval(timer);
        readers.delete(reader);
        signal.removeEventListener("abort", wake);
      }
    },
  };
}

interface Following {
  readonly link: Link;
  readonly reader: Pending;
  readonly signal: AbortSignal;
}

async function* follow(following: Following, after: number): AsyncGenerator<readonly Change[]> {
  const { reader, signal } = following;
  let last = after;
  let epoch: number | undefined;
  while (!signal.aborted) {
    let changes = reader.take(last);
    if (changes.length === 0) {
      if (!reader.mustRead(last)) {
        await reader.wait();
        continue;
      }
      const read = await readOn(following, last, epoch);
      if (!read) {
        reader.look();
        continue;
      }
      ({ changes, epoch } = read);
      if (changes.length === 0) continue;
    }
    last = changes.at(-1)?.revision ?? last;
    yield changes;
  }
}

/** What the log has after a revision; undefined when the connection was lost meanwhile, or is not there. */
async function readOn(
  { link, reader, signal }: Following,
  last: number,
  epoch: number | undefined,
): Promise<{ changes: readonly Change[]; epoch: number } | undefined> {
  const asOf = reader.newest;
  try {
    await untilReady(link, signal);
    if (signal.aborted) return undefined;
    const current = link.epoch;
    // A Redis that was away may have come back as another one.
    if (epoch !== current) await assertReachable(link.redis, last);
    const changes = unbroken(await readLog(link.redis, last, Number.MAX_SAFE_INTEGER, batchSize), last);
    if (changes.length === 0) reader.nothingAfter(last, asOf);
    else if (changes.length === batchSize) reader.look();
    return { changes, epoch: current };
  } catch (error) {
    if (signal.aborted) return undefined;
    if (isConnectionError(error)) {
      await settle();
      return undefined;
    }
    throw error instanceof Error && error.name === "ReplyError" ? fromReplyError(error.message) : error;
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
