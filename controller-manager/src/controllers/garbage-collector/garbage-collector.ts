import type { OwnerReference } from "@coracle/shared/api/generated/meta-v1.ts";
import {
  apiVersionOf,
  customResourceDefinitions,
  storageNameOf,
  type Resource,
} from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { groupOf } from "@coracle/shared/meta/owners.ts";
import type { WorkQueue } from "@coracle/shared/workqueue/queue.ts";
import { createWorkQueue } from "@coracle/shared/workqueue/work-queue.ts";
import { discover, isEvents, supports, type Discovered } from "../../discovery.ts";
import { onAbort, type Loop } from "../../loop.ts";
import { messageOf } from "../../pods/control.ts";
import { attemptDelete, attemptOrphan, type Collector } from "./collect.ts";
import { createGraph, type Graph, type GraphNode } from "./graph.ts";

const DELETE_WORKERS = 20;
const ORPHAN_WORKERS = 5;
const DISCOVERY_DELAY_MS = 1000;
const DISCOVERY = "*";
const ABSENT_KEPT = 500;

/** Deletes what its owners have left behind: background, foreground and orphan deletion over every resource the API serves. */
export const garbageCollector = (): Loop => ({
  name: "garbage-collector",
  async run(ctx) {
    const deletions = createWorkQueue();
    const orphans = createWorkQueue();
    const discovery = createWorkQueue();
    const graph = createGraph({
      attemptDelete: (uid) => deletions.add(uid),
      attemptOrphan: (uid) => orphans.add(uid),
      strayOwner: (dependent, reference) => reportStray(ctx, dependent, reference),
    });
    const kinds = createKinds(ctx, graph);
    const collector: Collector = {
      client: ctx.client,
      signal: ctx.signal,
      graph,
      resourceOf: (apiVersion, kind) => kinds.resourceOf(apiVersion, kind),
      absent: boundedSet(ABSENT_KEPT),
      again: (uid) => deletions.addRateLimited(uid),
    };
    const stop = (): void => {
      for (const queue of [deletions, orphans, discovery]) queue.shutDown();
    };
    onAbort(ctx.signal, stop);
    const rediscover = (): void => discovery.addAfter(DISCOVERY, DISCOVERY_DELAY_MS);
    ctx.informers
      .for(customResourceDefinitions)
      .on({ add: rediscover, update: rediscover, delete: rediscover });
    // The controllers' own caches come first: collecting garbage can wait for them, they cannot.
    await ctx.informers.start(ctx.signal);
    await untilDone(ctx, () => kinds.refresh());
    const work = (queue: WorkQueue, handle: (key: string) => Promise<void>): Promise<void> =>
      drain(ctx, queue, handle);
    await Promise.all([
      work(discovery, () => kinds.refresh()),
      ...Array.from({ length: DELETE_WORKERS }, () =>
        work(deletions, (uid) => attemptDelete(collector, uid)),
      ),
      ...Array.from({ length: ORPHAN_WORKERS }, () => work(orphans, (uid) => attemptOrphan(collector, uid))),
    ]);
  },
});

function reportStray({ events }: ControllerContext, dependent: GraphNode, owner: OwnerReference): void {
  const { resource, uid, name, namespace } = dependent;
  if (!resource) return;
  const shown = `[${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}]`;
  events.record(
    { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name, namespace, uid } },
    "Warning",
    "OwnerRefInvalidNamespace",
    `ownerRef ${shown} does not exist in namespace ${JSON.stringify(namespace)}`,
  );
}

async function drain(
  ctx: ControllerContext,
  queue: WorkQueue,
  handle: (key: string) => Promise<void>,
): Promise<void> {
  for (;;) {
    const key = await queue.next();
    if (key === undefined || ctx.signal.aborted) return;
    try {
      await handle(key);
      queue.forget(key);
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.debug({ uid: key, err: messageOf(error) }, "garbage collection will try again");
      queue.addRateLimited(key);
    } finally {
      queue.done(key);
    }
  }
}

/** The first discovery must succeed: without it every kind is unknown. */
async function untilDone(ctx: ControllerContext, run: () => Promise<void>): Promise<void> {
  const queue = createWorkQueue({ maxDelayMs: 5000 });
  const stop = (): void => queue.shutDown();
  const off = onAbort(ctx.signal, stop);
  queue.add(DISCOVERY);
  await drain(ctx, queue, async () => {
    await run();
    queue.shutDown();
  });
  off();
}

interface Kinds {
  refresh(): Promise<void>;
  resourceOf(apiVersion: string, kind: string): Promise<Resource<KubeObject>>;
}

/** The kinds the API serves; every deletable one is followed into the graph. */
function createKinds(ctx: ControllerContext, graph: Graph): Kinds {
  const byKind = new Map<string, Resource<KubeObject>>();
  const followed = new Set<string>();
  const follow = async (resource: Discovered): Promise<void> => {
    const informer = ctx.informers.for<KubeObject>(resource, { metadataOnly: true });
    informer.on({
      add: (object) => graph.upsert(resource, object),
      update: (object, old) => {
        if (old.metadata.uid !== object.metadata.uid) graph.remove(old.metadata.uid ?? "");
        graph.upsert(resource, object);
      },
      delete: (object) => graph.remove(object.metadata.uid ?? ""),
    });
    await informer.synced(ctx.signal);
  };
  const refresh = async (): Promise<void> => {
    const resources = await discover(ctx.client, ctx.signal);
    for (const r of resources) byKind.set(`${r.group}/${r.kind}`, r);
    const fresh = resources.filter(
      (r) => supports(r, "list", "watch", "delete") && !isEvents(r) && !followed.has(storageNameOf(r)),
    );
    for (const r of fresh) followed.add(storageNameOf(r));
    await Promise.all(fresh.map(follow));
  };
  return {
    refresh,
    async resourceOf(apiVersion, kind) {
      const key = `${groupOf(apiVersion)}/${kind}`;
      if (!byKind.has(key)) await refresh();
      const resource = byKind.get(key);
      if (!resource) throw new Error(`no matches for kind "${kind}" in version "${apiVersion}"`);
      return resource;
    },
  };
}

function boundedSet(max: number): Collector["absent"] {
  const keys = new Set<string>();
  return {
    has: (key) => keys.has(key),
    add(key) {
      keys.add(key);
      if (keys.size > max) for (const oldest of keys.values().take(1)) keys.delete(oldest);
    },
  };
}
