import { headers as natsHeaders } from "nats";
import type { Bus } from "@coracle/shared/bus/connect.ts";
import {
  FEED_EPOCH_SUBJECT,
  feedSubject,
  markSubject,
  splitStorageName,
  type Chain,
} from "@coracle/shared/bus/subjects.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { createNotices, type Notices } from "./notices.ts";
import { createPublisherElection, type ElectionTiming } from "./publisher-election.ts";
import { changeJson, isConfidential, shardChanges, type ShardChange } from "./shards.ts";
import type { CacheEvent, WatchCache } from "./types.ts";

export interface FeedPublisherOptions {
  readonly bus: Bus;
  /** Started. */
  readonly cache: WatchCache;
  readonly log?: Logger | undefined;
  readonly signal: AbortSignal;
  /** A second; a test's clock runs faster. */
  readonly tickMs?: number | undefined;
  readonly timing?: ElectionTiming | undefined;
}

interface ChainState extends Chain {
  newest: number;
  /** Nothing changed since the last mark. */
  marked: boolean;
  /** The tick before the last change. */
  changed: number;
  readonly notices: Notices;
}

const TICK_MS = 1_000;
/** A chain is marked when it has been quiet for so long: while it goes on, each change shows whether the one before was lost. */
const QUIET_TICKS = 2;
/** Every so many ticks all chains are marked, whether or not something changed: a mark may have been lost too. */
const FULL_MARK_TICKS = 30;
/** The broker takes 1 MiB; a change that is longer goes as a notice, and subscribers fetch it. */
const MESSAGE_MAX = 900 * 1024;

/**
 * Publishes every change of the store on the bus, with the revision before it on the same chain. All replicas keep the chains, one
 * publishes; when it goes, another goes on where the chains are. What falls between the two is noticed from the marks.
 */
export function startFeedPublisher({ bus, cache, log, signal, tickMs, timing }: FeedPublisherOptions): void {
  const { nc } = bus;
  const chains = new Map<string, ChainState>();
  /** From here on every change has been seen by this replica. */
  let start = cache.revision;
  let ticks = 0;

  const chainOf = (storage: string, shard: string): ChainState => {
    const key = `${storage}/${shard}`;
    let chain = chains.get(key);
    if (!chain) {
      const names: Chain = { ...splitStorageName(storage), shard };
      chain = { ...names, newest: start, marked: true, changed: 0, notices: createNotices(nc, names) };
      chains.set(key, chain);
    }
    return chain;
  };
  const publish = (event: CacheEvent, change: ShardChange, chain: ChainState, previous: number): void => {
    const { key } = event.current;
    const whole = isConfidential(key.resource) ? undefined : changeJson(change.type, event.current);
    if (!whole || whole.length > MESSAGE_MAX) {
      chain.notices.add(key, event.revision, previous);
      return;
    }
    chain.notices.flush();
    const headers = natsHeaders();
    headers.set("rev", String(event.revision));
    headers.set("prev", String(previous));
    nc.publish(feedSubject(chain, key.namespace, key.name), whole, { headers });
  };
  const onChange = (event: CacheEvent): void => {
    for (const change of shardChanges(event)) {
      const chain = chainOf(event.current.key.resource, change.shard);
      const previous = chain.newest;
      chain.newest = event.revision;
      chain.marked = false;
      chain.changed = ticks;
      // Without a broker there is nobody to hear it; the marks will tell.
      if (election.leading && bus.connected) publish(event, change, chain, previous);
    }
  };
  const mark = (chain: ChainState): void => {
    chain.notices.flush();
    const headers = natsHeaders();
    headers.set("rev", String(chain.newest));
    headers.set("cluster", String(cache.revision));
    nc.publish(markSubject(chain), "", { headers });
    chain.marked = true;
  };
  const markAll = (): void => {
    const headers = natsHeaders();
    headers.set("start", String(start));
    nc.publish(FEED_EPOCH_SUBJECT, "", { headers });
    for (const chain of chains.values()) mark(chain);
  };
  const election = createPublisherElection(
    nc,
    (leading) => {
      if (leading && bus.connected) markAll();
    },
    log,
    timing,
  );
  const tick = (): void => {
    if (!bus.connected) return;
    election.tick();
    if (!election.leading) return;
    ticks += 1;
    if (ticks % FULL_MARK_TICKS === 0) markAll();
    else
      for (const chain of chains.values())
        if (!chain.marked && ticks - chain.changed > QUIET_TICKS) mark(chain);
  };

  const stopListening = cache.onChange(onChange);
  const stopResets = cache.onReset((revision) => {
    start = revision;
    for (const chain of chains.values()) chain.notices.flush();
    chains.clear();
    if (election.leading && bus.connected) markAll();
  });
  const stopReconnects = bus.onReconnect(() => {
    if (election.leading) markAll();
  });
  const timer = setInterval(tick, tickMs ?? TICK_MS);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    stopListening();
    for (const chain of chains.values()) chain.notices.flush();
    stopResets();
    stopReconnects();
    election.stop();
  });
}
