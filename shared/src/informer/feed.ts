import type { Msg } from "nats";
import type { Bus } from "../bus/connect.ts";
import { FEED_EPOCH_SUBJECT, feedFilter, markFilter, shardOfSubject } from "../bus/subjects.ts";
import { storageNameOf, type Resource } from "../api/resources.ts";
import type { Client } from "../client/client.ts";
import { withQuery } from "../client/paths.ts";
import type { Logger } from "../log.ts";
import type { KubeObject } from "../meta/object.ts";
import { createInformerCache, type Keep } from "./cache.ts";
import { createInformerFactory } from "./factory.ts";
import { createFeedInformer, type FeedChange, type FeedInformer, type FeedSource } from "./feed-informer.ts";
import type { InformerFactory, InformerOptions } from "./informer.ts";

export interface FeedInformerFactoryOptions {
  readonly bus: Bus;
  readonly client: Client;
  readonly log: Logger;
  /** What this process keeps of the objects of a resource; all of them when it says nothing. */
  readonly keep?: ((resource: Resource<unknown>) => Keep | undefined) | undefined;
}

/** Informers over the bus: one list at start, then the feed; anything missed is fetched from an API server. */
export const createFeedInformerFactory = ({
  bus,
  client,
  log,
  keep,
}: FeedInformerFactoryOptions): InformerFactory =>
  createInformerFactory(<T>(resource: Resource<T>, options: InformerOptions) => {
    const cache = createInformerCache(resource, options, log, keep?.(resource));
    const informer = createFeedInformer({
      cache,
      source: createSource(client, resource, options),
      resource,
      shard: options.shard === "_" ? "" : options.shard,
      log,
    });
    return {
      cache,
      run: async (signal) => {
        const stop = subscribe(bus, resource, options.shard === "_" ? "" : options.shard, informer);
        try {
          await informer.run(signal);
        } finally {
          stop();
        }
      },
    };
  });

function createSource<T>(client: Client, resource: Resource<T>, options: InformerOptions): FeedSource<T> {
  const { namespace, labelSelector, shard } = options;
  const node = shard === "_" ? "" : shard;
  const fieldSelector = [options.fieldSelector, node === undefined ? undefined : `spec.nodeName=${node}`]
    .filter((term) => term)
    .join(",");
  return {
    async list(signal) {
      const list = await client.list(resource, { namespace, labelSelector, fieldSelector, signal });
      return {
        revision: Number(list.metadata.resourceVersion),
        items: list.items as readonly (T & KubeObject)[],
      };
    },
    async changes({ after, atLeast, shard: only }, signal) {
      const query = { resource: storageNameOf(resource), after, atLeast, shard: only === "" ? "_" : only };
      const { body } = await client.request("GET", withQuery("/coracle/v1/changes", query), { signal });
      return JSON.parse(Buffer.from(body).toString()) as { revision: number; changes: FeedChange[] };
    },
  };
}

/** @returns the unsubscribe function */
function subscribe(
  bus: Bus,
  resource: Resource<unknown>,
  shard: string | undefined,
  informer: FeedInformer,
): () => void {
  const { group, plural } = resource;
  const on = (subject: string, take: (message: Msg) => void) =>
    bus.nc.subscribe(subject, {
      callback: (error, message) => {
        if (!error) take(message);
      },
    });
  const subscriptions = [
    on(feedFilter(group, plural, shard), (message) => {
      const { headers } = message;
      if (!headers) return;
      informer.onMessage({
        shard: shardOfSubject(message.subject),
        revision: Number(headers.get("rev")),
        previous: Number(headers.get("prev")),
        read: headers.get("notice") ? undefined : () => message.json<FeedChange>(),
      });
    }),
    on(markFilter(group, plural, shard), (message) => {
      const { headers } = message;
      if (!headers) return;
      informer.onMark({
        shard: shardOfSubject(message.subject),
        newest: Number(headers.get("rev")),
        cluster: Number(headers.get("cluster")),
      });
    }),
    on(FEED_EPOCH_SUBJECT, ({ headers }) => {
      if (headers) informer.onEpoch(Number(headers.get("start")));
    }),
  ];
  const off = bus.onReconnect(() => informer.onReconnect());
  return () => {
    off();
    for (const subscription of subscriptions) subscription.unsubscribe();
  };
}
