/** Hears from the feed that Secrets and ConfigMaps changed, and notices when it may have missed something. */
import type { Bus } from "@coracle/shared/bus/connect.ts";
import { FEED_EPOCH_SUBJECT, feedFilter, markFilter } from "@coracle/shared/bus/subjects.ts";
import { createChainTracker } from "@coracle/shared/informer/chain.ts";
import type { ReferenceKind, ReferenceStore } from "./store.ts";

const SHARD = "";
const KINDS: readonly ReferenceKind[] = ["configmaps", "secrets"];

/** Keeps the store current until the bus closes. Returns the unsubscribe function. */
export function followNotices(bus: Bus, store: ReferenceStore): () => void {
  const stops = KINDS.map((kind) => followKind(bus, store, kind));
  const off = bus.onReconnect(() => store.allChanged());
  return () => {
    off();
    for (const stop of stops) stop();
  };
}

function followKind(bus: Bus, store: ReferenceStore, kind: ReferenceKind): () => void {
  const chain = createChainTracker();
  let begun = false;
  /** What came before is unknown: take it all as changed, and count from here. */
  const lost = (revision: number): void => {
    chain.reset(revision);
    if (begun) store.allChanged();
    begun = true;
  };
  const feed = bus.nc.subscribe(feedFilter("", kind), {
    callback: (error, message) => {
      if (error || !message.headers) return;
      const revision = Number(message.headers.get("rev"));
      const previous = Number(message.headers.get("prev"));
      const verdict = chain.judge({ shard: SHARD, revision, previous });
      if (verdict === "seen") return;
      if (verdict === "gap") lost(revision);
      chain.advance(SHARD, revision);
      for (const key of message.json<string[]>()) {
        const slash = key.indexOf("/");
        store.changed(kind, key.slice(0, slash), key.slice(slash + 1));
      }
    },
  });
  const marks = bus.nc.subscribe(markFilter("", kind), {
    callback: (error, message) => {
      if (error || !message.headers) return;
      const newest = Number(message.headers.get("rev"));
      const cluster = Number(message.headers.get("cluster"));
      if (!chain.check({ shard: SHARD, newest, cluster })) lost(Math.max(newest, cluster));
    },
  });
  const epochs = bus.nc.subscribe(FEED_EPOCH_SUBJECT, {
    callback: (error, message) => {
      const start = error ? NaN : Number(message.headers?.get("start"));
      if (start > chain.known(SHARD)) lost(start);
    },
  });
  return () => {
    for (const subscription of [feed, marks, epochs]) subscription.unsubscribe();
  };
}
