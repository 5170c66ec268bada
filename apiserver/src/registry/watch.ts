import { randomInt } from "node:crypto";
import { ApiError, badRequest, invalid } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../request.ts";
import type { CacheEvent } from "../watch/cache.ts";
import { loadItem, loadItems } from "./custom.ts";
import { forbiddenField, notSupported, path, type FieldError } from "./field.ts";
import { parseVersion } from "./list.ts";
import { isTrue } from "./options.ts";
import type { Kind } from "./kind.ts";
import type { Call, Registry } from "./registry.ts";
import { readSelection, type Selection } from "./select.ts";
import { watchEncoder, type WatchEncoder } from "./watch-encoder.ts";
import { errorLine, watchStream, type Start } from "./watch-stream.ts";

/** Upstream's `--min-request-timeout`: a watch without a timeout of its own lasts this long, up to twice. */
const minTimeoutSeconds = 1800;

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
  const body = watchStream({ start, events, selection, encoder, bookmarks, signal: request.signal });
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
