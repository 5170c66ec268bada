import { randomInt } from "node:crypto";
import { ApiError, badRequest, internalError, invalid } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../request.ts";
import type { CachedObject, CacheEvent } from "../watch/cache.ts";
import { loadItem, loadItems } from "./custom.ts";
import { forbiddenField, notSupported, path, type FieldError } from "./field.ts";
import { parseVersion } from "./list.ts";
import { isTrue } from "./options.ts";
import type { Kind } from "./kind.ts";
import type { Call, Registry } from "./registry.ts";
import { readSelection, type Selection } from "./select.ts";
import { watchEncoder, type EventType, type WatchEncoder } from "./watch-encoder.ts";

/** Upstream's `--min-request-timeout`: a watch without a timeout of its own lasts this long, up to twice. */
const minTimeoutSeconds = 1800;
const bookmarkEveryMs = 55_000;
/** Initial events written in one piece, so that a long list is not thousands of small writes. */
const batchBytes = 64 * 1024;

interface Start {
  /** Objects sent as ADDED before anything else. */
  readonly initial: readonly CachedObject[];
  readonly after: number;
  /** A bookmark says where the initial events end. */
  readonly announceEnd: boolean;
}

/** GET with watch=true: an endless answer, one event a line. */
export async function watch(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, served, info } = call;
  const selection = readSelection(served.kind, request.query, info.name);
  const encoder = watchEncoder(request, served);
  const bookmarks = isTrue(request.query.get("allowWatchBookmarks"));
  const seconds = timeoutSeconds(request.query.get("timeoutSeconds"));
  const start = await resolveStart(registry, call, selection, bookmarks);
  const { custom } = served.kind;
  const signal = AbortSignal.any([
    request.signal,
    registry.stopping,
    AbortSignal.timeout(seconds * 1000),
    ...(custom ? [custom.retired] : []),
  ]);
  const overdue = new AbortController();
  const options = {
    namespace: info.namespace,
    after: start.after,
    signal,
    onOverflow: () => overdue.abort(),
    ...(selection.name ? { name: selection.name } : {}),
  };
  let events: AsyncIterable<CacheEvent | number>;
  try {
    // Registered before the first byte goes out: nothing is missed in between.
    events = registry.cache.watch(served.kind.storage, options);
    if (custom) events = loadEvents(served.kind, events);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return streamed(encoder, errorOnly(error));
  }
  const body = stream({ start, events, selection, encoder, bookmarks, signal: request.signal });
  return { ...streamed(encoder, body), overdue: overdue.signal };
}

/** Events with objects as the watched version shows them. */
async function* loadEvents(
  kind: Kind,
  events: AsyncIterable<CacheEvent | number>,
): AsyncGenerator<CacheEvent | number> {
  for await (const event of events) {
    if (typeof event === "number") yield event;
    else {
      const previous = event.previous && (await loadItem(kind, event.previous));
      yield { ...event, current: await loadItem(kind, event.current), ...(previous ? { previous } : {}) };
    }
  }
}

const streamed = (encoder: WatchEncoder, body: AsyncIterable<Buffer | string>): ApiResponse => ({
  status: 200,
  headers: { "content-type": encoder.contentType, "cache-control": "no-cache, private" },
  body,
});

function timeoutSeconds(text: string | null): number {
  const seconds = Number(text ?? 0);
  if (!Number.isSafeInteger(seconds)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  // Timers hold at most 2^31 milliseconds; nobody watches for 24 days without a reconnect.
  return seconds > 0 ? Math.min(seconds, 2_000_000) : minTimeoutSeconds + randomInt(minTimeoutSeconds);
}

interface Streaming {
  readonly start: Start;
  readonly events: AsyncIterable<CacheEvent | number>;
  readonly selection: Selection;
  readonly encoder: WatchEncoder;
  readonly bookmarks: boolean;
  readonly signal: AbortSignal;
}

async function* stream(streaming: Streaming): AsyncGenerator<Buffer | string> {
  const { start, events, selection, encoder, bookmarks, signal } = streaming;
  yield* initialEvents(start, encoder);
  let seen = start.after;
  let bookmarkedAt = Date.now();
  try {
    for await (const event of events) {
      if (typeof event === "number") {
        seen = event;
        if (!bookmarks || Date.now() - bookmarkedAt < bookmarkEveryMs) continue;
        bookmarkedAt = Date.now();
        yield encoder.bookmark(event, false);
        continue;
      }
      seen = event.revision;
      const line = encodeEvent(event, selection, encoder);
      if (line !== undefined) yield line;
    }
    // The time is up: tell the client how far it got.
    if (bookmarks && !signal.aborted) yield encoder.bookmark(seen, false);
  } catch (error) {
    yield errorLine(error);
  }
}

function* initialEvents(start: Start, encoder: WatchEncoder): Generator<Buffer | string> {
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
}

/** What an event is to a watcher with a selector: an object that comes to match is ADDED, one that ceases to is DELETED. */
function encodeEvent(
  event: CacheEvent,
  selection: Selection,
  encoder: WatchEncoder,
): Buffer | string | undefined {
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

function errorLine(error: unknown): string {
  const { status } = error instanceof ApiError ? error : internalError("the watch failed");
  return `${JSON.stringify({ type: "ERROR", object: status })}\n`;
}

// oxlint-disable-next-line typescript/require-await -- a stream of one line
async function* errorOnly(error: ApiError): AsyncGenerator<string> {
  yield errorLine(error);
}

/** Reads resourceVersion, resourceVersionMatch and sendInitialEvents. @throws ApiError 422, 504 */
async function resolveStart(
  registry: Registry,
  call: Call,
  selection: Selection,
  bookmarks: boolean,
): Promise<Start> {
  const { query } = call.request;
  const version = query.get("resourceVersion") ?? "";
  const initial = readInitialEvents(query);
  const revision = version === "" ? 0 : parseVersion(version);
  if (initial === undefined && revision > 0) return { initial: [], after: revision, announceEnd: false };
  if (version === "") await registry.cache.waitFor(await registry.store.revision());
  else if (initial && revision > 0) await registry.cache.waitFor(revision);
  if (initial === false) {
    return { initial: [], after: revision > 0 ? revision : registry.cache.revision, announceEnd: false };
  }
  const { items, revision: at } = registry.cache.list(call.served.kind.storage, {
    namespace: call.info.namespace,
    ...(selection.matches ? { matches: selection.matches } : {}),
  });
  return {
    initial: await loadItems(call.served.kind, items),
    after: at,
    announceEnd: initial === true && bookmarks,
  };
}

/** True or false when the client says so, undefined for the older form of watch. */
function readInitialEvents(query: URLSearchParams): boolean | undefined {
  const match = query.get("resourceVersionMatch") ?? "";
  const given = query.get("sendInitialEvents");
  const errors: FieldError[] = [];
  const at = path("resourceVersionMatch");
  if (given === null) {
    if (match)
      errors.push(
        forbiddenField(
          at,
          "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
      );
  } else {
    if (match === "")
      errors.push(
        forbiddenField(at, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
      );
    else if (match !== "NotOlderThan") errors.push(notSupported(at, match, ["NotOlderThan"]));
  }
  if (errors.length > 0) throw invalid("meta.k8s.io", "ListOptions", "", errors);
  return given === null ? undefined : isTrue(given);
}
