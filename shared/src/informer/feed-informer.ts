import { setTimeout as sleep } from "node:timers/promises";
import type { Resource } from "../api/resources.ts";
import { isExpired, isNotFound } from "../errors.ts";
import type { Logger } from "../log.ts";
import { keyOf, type KubeObject } from "../meta/object.ts";
import type { InformerCache } from "./cache.ts";
import { createChainTracker, type ChainLink, type ChainMark } from "./chain.ts";

/** One change as the feed and the catch-up carry it. `MOVED`: it left this shard for another. */
export interface FeedChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "MOVED";
  readonly object: KubeObject;
}

export interface FeedMessage extends ChainLink {
  /** Undefined for a notice: the change happened, its content must be fetched. */
  readonly read: (() => FeedChange) | undefined;
}

/** Where the informer gets the whole state, and what it missed. */
export interface FeedSource<T> {
  list(signal: AbortSignal): Promise<{ revision: number; items: readonly (T & KubeObject)[] }>;
  /** Changes after a revision, known at least up to `atLeast`. @throws ApiError 410 when they are forgotten */
  changes(
    range: { readonly after: number; readonly atLeast: number; readonly shard: string | undefined },
    signal: AbortSignal,
  ): Promise<{ revision: number; changes: readonly FeedChange[] }>;
}

export interface FeedInformer {
  run(signal: AbortSignal): Promise<void>;
  onMessage(message: FeedMessage): void;
  onMark(mark: ChainMark): void;
  /** The publisher's knowledge begins here: whoever is behind may have missed something for good. */
  onEpoch(start: number): void;
  /** The connection was away. */
  onReconnect(): void;
}

export interface FeedInformerOptions<T> {
  readonly cache: InformerCache<T>;
  readonly source: FeedSource<T>;
  readonly resource: Resource<T>;
  /** The one shard followed; undefined follows all. */
  readonly shard: string | undefined;
  readonly log: Logger;
  readonly retryMs?: { readonly min: number; readonly max: number };
}

/** How often a resource that the API does not serve is asked for again. */
const UNSERVED_MS = 30_000;

/** Messages kept while catching up; beyond this the catch-up is simply made again. */
const BUFFER_MAX = 10_000;

/**
 * Keeps a cache equal to the store from a feed that may lose, repeat and reorder: it applies what follows on the revision chain,
 * drops what it knows, and asks an API server for everything else. Handling a message that follows is synchronous.
 */
export function createFeedInformer<T>(options: FeedInformerOptions<T>): FeedInformer {
  const { cache, source, log } = options;
  const retry = options.retryMs ?? { min: 20, max: 5_000 };
  const tracker = createChainTracker();
  /** The chain all changes come on, unless the resource is spread over shards and all are followed. */
  const onlyShard = options.shard ?? (options.resource.plural === "pods" ? undefined : "");
  let buffer: FeedMessage[] = [];
  let listed = false;
  let recovering = false;
  /** What is missing, if anything: the state must reach at least this revision. */
  let wanted: number | undefined;
  /** Something may have been missed after what is being fetched: fetch once more. */
  let stale = false;
  let wake: (() => void) | undefined;

  const want = (revision: number): void => {
    wanted = Math.max(wanted ?? 0, revision);
    wake?.();
  };
  const apply = ({ type, object }: FeedChange): void => {
    const revision = Number(object.metadata.resourceVersion);
    if (type === "DELETED" || (type === "MOVED" && options.shard !== undefined))
      cache.remove(keyOf(object), revision);
    else if (type !== "MOVED") cache.upsert(object as T & KubeObject);
    // Whoever follows all shards sees the object arrive on its new one. If that has passed already, what is still here from
    // before the move came late: the object has gone on, or is gone.
    else if (tracker.known(shardOf(object)) >= revision) cache.remove(keyOf(object), revision - 1);
  };
  /** @returns false for a gap */
  const take = (message: FeedMessage): boolean => {
    const verdict = tracker.judge(message);
    if (verdict === "seen") return true;
    if (verdict === "gap" || !message.read) return false;
    apply(message.read());
    tracker.advance(message.shard, message.revision);
    return true;
  };
  const keep = (message: FeedMessage): void => {
    if (buffer.length >= BUFFER_MAX) {
      buffer = [];
      stale = true;
    }
    buffer.push(message);
  };
  const settle = (): void => {
    const waiting = buffer;
    buffer = [];
    for (const message of waiting)
      if (!take(message)) {
        keep(message);
        want(message.read ? message.previous : message.revision);
      }
  };
  const relist = async (signal: AbortSignal): Promise<void> => {
    const { revision, items } = await source.list(signal);
    cache.replace(items, revision);
    tracker.reset(revision);
    listed = true;
    cache.markSynced();
  };
  const catchUp = async (atLeast: number, signal: AbortSignal): Promise<void> => {
    const after = tracker.known(onlyShard);
    const { revision, changes } = await source.changes({ after, atLeast, shard: options.shard }, signal);
    for (const change of changes) apply(change);
    tracker.reset(revision);
  };
  const recover = async (signal: AbortSignal): Promise<void> => {
    const atLeast = wanted ?? 0;
    stale = false;
    try {
      if (listed) await catchUp(atLeast, signal);
      else await relist(signal);
    } catch (error) {
      if (!isExpired(error)) throw error;
      log.info({ resource: options.resource.plural }, "too far behind, listing again");
      listed = false;
      await relist(signal);
    }
    if (!stale && wanted !== undefined && wanted <= tracker.known()) wanted = undefined;
    settle();
  };

  return {
    async run(signal) {
      want(0);
      const onAbort = (): void => wake?.();
      signal.addEventListener("abort", onAbort);
      for (let delay = retry.min; !signal.aborted;) {
        if (wanted === undefined) {
          recovering = false;
          delay = retry.min;
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (wanted !== undefined || signal.aborted) resolve();
          });
          continue;
        }
        recovering = true;
        try {
          await recover(signal);
          if (wanted === undefined) continue;
        } catch (error) {
          if (signal.aborted) break;
          if (!listed && isNotFound(error)) {
            // A kind the API does not serve (yet) has no objects.
            if (!cache.hasSynced)
              log.info({ resource: options.resource.plural }, "the API does not serve this resource");
            cache.markSynced();
            await sleep(UNSERVED_MS, undefined, { signal }).catch(() => undefined);
            continue;
          }
          const reason = (error as Error).message;
          log.warn({ reason, resource: options.resource.plural }, "cannot catch up, will try again");
        }
        await sleep(delay, undefined, { signal }).catch(() => undefined);
        delay = Math.min(delay * 2, retry.max);
      }
      signal.removeEventListener("abort", onAbort);
    },
    onMessage(message) {
      // While catching up the feed only fills the buffer, so that the two never race over one object.
      if (recovering || wanted !== undefined) keep(message);
      else if (!take(message)) {
        keep(message);
        want(message.read ? message.previous : message.revision);
      }
    },
    onMark(mark) {
      if (recovering || wanted !== undefined) {
        if (mark.newest > tracker.known(mark.shard) && buffer.every((m) => m.revision < mark.newest))
          want(mark.newest);
      } else if (!tracker.check(mark)) want(mark.newest);
    },
    onEpoch(start) {
      if (tracker.known(onlyShard) < start) want(start);
    },
    onReconnect() {
      stale = true;
      want(0);
    },
  };
}

/** The shard of a pod: its node. */
const shardOf = (object: KubeObject): string =>
  (object["spec"] as { nodeName?: string } | undefined)?.nodeName ?? "";
