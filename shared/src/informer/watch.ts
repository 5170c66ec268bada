import { setTimeout as sleep } from "node:timers/promises";
import type { Resource } from "../api/resources.ts";
import type { HttpsClient } from "../client/https.ts";
import { collectionPath, withQuery } from "../client/paths.ts";
import { ApiError, isExpired, isNotFound, type Status } from "../errors.ts";
import type { Logger } from "../log.ts";
import { keyOf, type KubeObject } from "../meta/object.ts";
import { createInformerCache, revisionOf, type InformerCache } from "./cache.ts";
import { createInformerFactory } from "./factory.ts";
import type { InformerFactory, InformerOptions } from "./informer.ts";

const INITIAL_EVENTS_END = "k8s.io/initial-events-end";
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 10_000;
/** Nothing works without the first list, and at a cluster's start the API is there any moment. */
const RETRY_FIRST_MAX_MS = 500;
/** Watches are asked to end after five to ten minutes, so that load spreads again after a restart. */
const WATCH_SECONDS = 300;
/** A watch that ends sooner and without an event counts as a failure. */
const SHORT_WATCH_MS = 1_000;
/** How often a resource that the API does not serve is asked for again. */
const UNSERVED_MS = 30_000;

/** Informers over HTTPS watches, as any client's: for what runs in pods. */
export const createWatchInformerFactory = ({
  client,
  log,
}: {
  readonly client: HttpsClient;
  readonly log: Logger;
}): InformerFactory =>
  createInformerFactory(<T>(resource: Resource<T>, options: InformerOptions) => {
    const cache = createInformerCache(resource, options, log);
    return { cache, run: (signal) => createReflector({ client, cache, resource, options, log }).run(signal) };
  });

interface ReflectorOptions<T> {
  readonly client: HttpsClient;
  readonly cache: InformerCache<T>;
  readonly resource: Resource<T>;
  readonly options: InformerOptions;
  readonly log: Logger;
}

interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject;
}

/** Fills a cache from a streaming list (or, where the server has none, a list) and keeps it current from watches. */
function createReflector<T>({ client, cache, resource, options, log }: ReflectorOptions<T>) {
  const { namespace, labelSelector, fieldSelector } = options;
  const selection = { labelSelector, fieldSelector };
  /** Resume from here; undefined: list first. */
  let revision: number | undefined;
  let streamingLists = true;

  const watch = async (query: Record<string, string | number | boolean>, signal: AbortSignal) => {
    const timeoutSeconds = Math.round(WATCH_SECONDS * (1 + Math.random()));
    const all = { ...selection, watch: true, allowWatchBookmarks: true, timeoutSeconds, ...query };
    const response = await client.transport.stream({
      method: "GET",
      path: withQuery(collectionPath(resource, namespace), all),
      headers: { accept: "application/json" },
      signal,
    });
    if (response.status !== 200) throw await errorOf(response.status, response.text());
    return response.lines;
  };
  const follow = async (lines: AsyncIterable<string>): Promise<number> => {
    let events = 0;
    for await (const line of lines) {
      const { type, object } = JSON.parse(line) as WatchEvent;
      if (type === "ERROR") throw ApiError.from(object as unknown as Status);
      events += 1;
      if (type === "DELETED") cache.remove(keyOf(object), revisionOf(object));
      else if (type !== "BOOKMARK") cache.upsert(object as T & KubeObject);
      revision = revisionOf(object);
    }
    return events;
  };
  const collect = async (lines: AsyncIterable<string>): Promise<number> => {
    const items: (T & KubeObject)[] = [];
    const iterator = lines[Symbol.asyncIterator]();
    for (;;) {
      const next = await iterator.next();
      if (next.done) throw new Error("the watch ended before the whole state was in");
      const { type, object } = JSON.parse(next.value) as WatchEvent;
      if (type === "ERROR") throw ApiError.from(object as unknown as Status);
      if (type === "BOOKMARK") {
        if (object.metadata.annotations?.[INITIAL_EVENTS_END] !== "true") continue;
        take(items, revisionOf(object));
        return follow({ [Symbol.asyncIterator]: () => iterator });
      }
      items.push(object as T & KubeObject);
    }
  };
  const take = (items: readonly (T & KubeObject)[], at: number): void => {
    cache.replace(items, at);
    revision = at;
    cache.markSynced();
  };
  const streamList = async (signal: AbortSignal): Promise<number> => {
    const query = { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" };
    try {
      return await collect(await watch(query, signal));
    } catch (error) {
      const refused = error instanceof ApiError && (error.code === 422 || error.code === 400);
      if (!refused) throw error;
      streamingLists = false;
      return 0;
    }
  };
  const list = async (signal: AbortSignal): Promise<void> => {
    const all = await client.list(resource, { namespace, ...selection, signal });
    take(all.items as readonly (T & KubeObject)[], Number(all.metadata.resourceVersion));
  };
  /** One connection, to its end. */
  const once = async (signal: AbortSignal): Promise<number> => {
    if (revision === undefined && streamingLists) return streamList(signal);
    if (revision === undefined) await list(signal);
    return follow(await watch({ resourceVersion: revision ?? 0 }, signal));
  };

  return {
    async run(signal: AbortSignal): Promise<void> {
      for (let delay = RETRY_MIN_MS; !signal.aborted;) {
        const began = performance.now();
        try {
          const events = await once(signal);
          if (events > 0 || performance.now() - began > SHORT_WATCH_MS) {
            delay = RETRY_MIN_MS;
            continue;
          }
        } catch (error) {
          if (signal.aborted) return;
          if (isExpired(error)) {
            revision = undefined;
            log.info({ resource: resource.plural }, "too far behind, listing again");
          } else if (revision === undefined && isNotFound(error)) {
            // A kind the API does not serve (yet) has no objects.
            if (!cache.hasSynced)
              log.info({ resource: resource.plural }, "the API does not serve this resource");
            cache.markSynced();
            delay = UNSERVED_MS;
          } else
            log.warn(
              { reason: (error as Error).message, resource: resource.plural },
              "watch failed, will try again",
            );
        }
        await sleep(delay / 2 + Math.random() * (delay / 2), undefined, { signal }).catch(() => undefined);
        delay = Math.min(delay * 2, cache.hasSynced ? RETRY_MAX_MS : RETRY_FIRST_MAX_MS);
      }
    },
  };
}

async function errorOf(status: number, body: Promise<string>): Promise<ApiError> {
  const text = await body;
  try {
    const parsed = JSON.parse(text) as Status;
    if (parsed.kind === "Status") return ApiError.from(parsed);
  } catch {
    // Not a Status; described by its code below.
  }
  return new ApiError(status, "Unknown", `the server answered ${status}: ${text.slice(0, 200)}`);
}
