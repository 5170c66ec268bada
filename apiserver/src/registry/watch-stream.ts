import { ApiError, internalError } from "@coracle/shared/errors.ts";
import type { CachedObject, CacheEvent } from "../watch/cache.ts";
import type { Selection } from "./select.ts";
import type { EventType, WatchEncoder } from "./watch-encoder.ts";

const bookmarkEveryMs = 55_000;
/** Initial events written in one piece, so that a long list is not thousands of small writes. */
const batchBytes = 64 * 1024;

export interface Start {
  /** Objects sent as ADDED before anything else. */
  readonly initial: readonly CachedObject[];
  readonly after: number;
  /** A bookmark says where the initial events end. */
  readonly announceEnd: boolean;
}

export interface Streaming {
  readonly start: Start;
  readonly events: AsyncIterable<CacheEvent | number>;
  readonly selection: Selection;
  readonly encoder: WatchEncoder;
  readonly bookmarks: boolean;
  readonly signal: AbortSignal;
}

type Line = Buffer | string;
const finished: IteratorResult<Line, undefined> = { done: true, value: undefined };

/** The lines of one watch. Not a generator: with many watchers, its machinery is a good part of what a delivery costs. */
export function watchStream(streaming: Streaming): AsyncIterable<Line> {
  const { start, encoder, bookmarks, signal } = streaming;
  const initial = initialEvents(start, encoder);
  const events = streaming.events[Symbol.asyncIterator]();
  const lineOf = lines(streaming);
  let begun = false;
  let ended = false;
  let seen = start.after;

  const next = async (): Promise<IteratorResult<Line, undefined>> => {
    if (ended) return finished;
    try {
      if (!begun) {
        const { done, value } = initial.next();
        if (!done) return { done: false, value };
        begun = true;
      }
      for (;;) {
        const { done, value } = await events.next();
        if (done) break;
        seen = typeof value === "number" ? value : value.revision;
        const line = lineOf(value);
        if (line !== undefined) return { done: false, value: line };
      }
      ended = true;
      // The time is up: tell the client how far it got.
      return bookmarks && !signal.aborted ? { done: false, value: encoder.bookmark(seen, false) } : finished;
    } catch (error) {
      ended = true;
      await events.return?.();
      return { done: false, value: errorLine(error) };
    }
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      async return() {
        ended = true;
        await events.return?.();
        return finished;
      },
    }),
  };
}

/** What is sent for an event, or for a sign of life of the cache. */
function lines({ selection, encoder, bookmarks }: Streaming) {
  let bookmarkedAt = Date.now();
  return (event: CacheEvent | number): Line | undefined => {
    if (typeof event !== "number") return encodeEvent(event, selection, encoder);
    if (!bookmarks || Date.now() - bookmarkedAt < bookmarkEveryMs) return undefined;
    bookmarkedAt = Date.now();
    return encoder.bookmark(event, false);
  };
}

function* initialEvents(start: Start, encoder: WatchEncoder): Generator<Line, undefined> {
  let batch: Buffer[] = [];
  let size = 0;
  for (const item of start.initial) {
    const line = encoder.event("ADDED", item);
    const bytes = typeof line === "string" ? Buffer.from(line) : line;
    batch.push(bytes);
    size += bytes.length;
    if (size < batchBytes) continue;
    yield Buffer.concat(batch);
    batch = [];
    size = 0;
  }
  if (batch.length > 0) yield Buffer.concat(batch);
  if (start.announceEnd) yield encoder.bookmark(start.after, true);
  return undefined;
}

/** What an event is to a watcher with a selector: an object that comes to match is ADDED, one that ceases to is DELETED. */
function encodeEvent(event: CacheEvent, selection: Selection, encoder: WatchEncoder): Line | undefined {
  const { matches } = selection;
  if (!matches) return encoder.event(event.type, event.current);
  const was = event.previous !== undefined && event.type !== "ADDED" && matches(event.previous);
  if (event.type === "DELETED")
    return was || matches(event.current) ? encoder.event("DELETED", event.current) : undefined;
  const is = matches(event.current);
  if (!is && !was) return undefined;
  if (!is && event.previous) return encoder.event("DELETED", atRevision(event.previous, event.revision));
  const type: EventType = was ? "MODIFIED" : "ADDED";
  return encoder.event(type, event.current);
}

/** The last state that matched, with the revision of the change that ended it. */
function atRevision(item: CachedObject, revision: number): CachedObject {
  const metadata = { ...item.object.metadata, resourceVersion: String(revision) };
  const object = { ...item.object, metadata };
  return { key: item.key, revision, object, json: () => Buffer.from(JSON.stringify(object)) };
}

/** How a watch tells why it ends. */
export function errorLine(error: unknown): string {
  const { status } = error instanceof ApiError ? error : internalError("the watch failed");
  return `${JSON.stringify({ type: "ERROR", object: status })}\n`;
}
