import type { FeedChange } from "@coracle/shared/informer/feed-informer.ts";
import type { CachedObject, CacheEvent } from "./types.ts";

/** The shard of an object: a pod's node, "" for everything else. */
export const shardOf = (item: CachedObject): string =>
  item.key.resource === "pods"
    ? ((item.object["spec"] as { nodeName?: string } | undefined)?.nodeName ?? "")
    : "";

export interface ShardChange {
  readonly type: FeedChange["type"];
  readonly shard: string;
}

/** What a change means on each shard it touches. A pod that is bound leaves one shard and arrives on another. */
export function shardChanges(event: CacheEvent): readonly ShardChange[] {
  const shard = shardOf(event.current);
  const before = event.previous ? shardOf(event.previous) : shard;
  if (before === shard || event.type === "ADDED") return [{ type: event.type, shard }];
  return [
    { type: "MOVED", shard: before },
    { type: event.type === "DELETED" ? "DELETED" : "ADDED", shard },
  ];
}

/** Resources whose content never travels on the feed. */
const CONFIDENTIAL: ReadonlySet<string> = new Set(["secrets", "configmaps"]);
export const isConfidential = (resource: string): boolean => CONFIDENTIAL.has(resource);

/** A change as JSON, with the object's text as the cache has it. */
export const changeJson = (type: FeedChange["type"], item: CachedObject): Buffer =>
  Buffer.concat([Buffer.from(`{"type":"${type}","object":`), item.json(), CLOSE]);
const CLOSE = Buffer.from("}");
