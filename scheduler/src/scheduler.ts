import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { namespaces, nodes, podDisruptionBudgets, pods } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { SeriesRecorder } from "@coracle/shared/client/event-series.ts";
import { ApiError, isConflict, isNotFound } from "@coracle/shared/errors.ts";
import type { InformerFactory } from "@coracle/shared/informer/informer.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { isTerminal } from "@coracle/shared/meta/pods.ts";
import { nodeChanges, podEvent, same } from "./cluster-events.ts";
import { createCluster } from "./cluster.ts";
import { createCycle, isPlaced, refusalMessage, type Placed, type Refused } from "./cycle.ts";
import { createDefaultSelector } from "./default-selector.ts";
import { createDeviceAccess } from "./device-access.ts";
import { createOutcomes } from "./outcomes.ts";
import { defaultProfile } from "./plugins/index.ts";
import { podInfo, type PodInfo } from "./pod-info.ts";
import { findPreemption, type Preemption } from "./preemption.ts";
import { createSchedulingQueue, type QueuedPod } from "./queue.ts";
import { createVolumeAccess } from "./volume-access.ts";

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: SeriesRecorder;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly name?: string;
}

/** Bindings under way at once; the rest waits here rather than in the API server. */
const maxBindings = 128;
/** Cycles before the event loop gets its turn. */
const cyclesPerTurn = 16;
/** Upstream's podMaxInUnschedulablePodsDuration, and how often it looks. */
const staleMs = 300_000;
const staleCheckMs = 30_000;

/** Watches pods and nodes from now on; places pods once {@link start} is called. */
export function createScheduler(options: SchedulerOptions) {
  const { client, informers, log, signal, now = Date.now, name = "default-scheduler" } = options;
  // To those that wait for room it is as if the pod had been there and went.
  const cluster = createCluster((info) => queue.onEvent({ kind: "pod-deleted", pod: info }));
  const namespaceCache = informers.for(namespaces);
  const budgets = informers.for(podDisruptionBudgets);
  const volumes = createVolumeAccess(client, informers, () => queue.onEvent({ kind: "volume" }));
  const plugins = defaultProfile({
    namespaceLabels: (namespace) => namespaceCache.get(namespace)?.metadata.labels,
    defaultSelector: createDefaultSelector(informers),
    volumes,
    devices: createDeviceAccess(client, informers, log, (claim) => queue.onEvent({ kind: "device", claim })),
  });
  const queue = createSchedulingQueue({
    plugins,
    now,
    setTimer: (callback, ms) => void setTimeout(callback, ms).unref(),
    onReady: () => wake(),
  });
  const cycle = createCycle(plugins, cluster, options.random);
  const outcomes = createOutcomes(client, options.events, name, now);
  let started = false;
  let scheduled = false;
  let bindings = 0;

  function wake(): void {
    if (!started || scheduled || bindings >= maxBindings || signal.aborted) return;
    scheduled = true;
    setImmediate(turn);
  }

  function turn(): void {
    scheduled = false;
    for (let i = 0; i < cyclesPerTurn && bindings < maxBindings && !signal.aborted; i++) {
      const next = queue.pop();
      if (!next) return;
      schedule(next);
    }
    wake();
  }

  function schedule(queued: QueuedPod): void {
    const { info } = queued;
    try {
      const result = cycle(info);
      if (isPlaced(result)) place(queued, result);
      else refuse(queued, result);
    } catch (error) {
      log.error({ pod: info.key, err: error }, "scheduling cycle failed");
      queue.failed(queued, new Set());
      tellOf(info, error);
    }
  }

  function place(queued: QueuedPod, placed: Placed): void {
    const { info } = queued;
    cluster.assume(info, placed.node.name);
    for (const plugin of plugins) plugin.reserve?.(info, placed.node, placed.state);
    bindings += 1;
    void bind(queued, placed).finally(() => {
      bindings -= 1;
      wake();
    });
  }

  async function bind(queued: QueuedPod, { node, state }: Placed): Promise<void> {
    const { info } = queued;
    try {
      for (const plugin of plugins) await plugin.preBind?.(info, node, state, signal);
      await outcomes.bind(info, node.name, signal);
      queue.done(info.uid);
    } catch (error) {
      for (const plugin of plugins) plugin.unreserve?.(info, node, state);
      // Another placed it, or it is gone: the informer says so, and takes it off the queue.
      const settled = isNotFound(error) || isConflict(error);
      cluster.forget(info.uid);
      if (settled) queue.done(info.uid);
      else queue.failed(queued, new Set());
      queue.onEvent({ kind: "pod-deleted", pod: info });
      if (settled || signal.aborted) return;
      const told = error instanceof ApiError ? error.message : error;
      log.warn({ pod: info.key, node: node.name, err: told }, "pod not bound, will try again");
      tellOf(info, error);
    }
  }

  /** Says on the pod that an error, and no lack of room, keeps it from a node. */
  function tellOf(info: PodInfo, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    outcomes.failed(info, message, signal).catch((failure: unknown) => reportUnlessGone(info, failure));
  }

  function refuse(queued: QueuedPod, refused: Refused): void {
    const { info } = queued;
    queue.failed(queued, refused.refusedBy, refused.whole?.early);
    if (refused.refusedBy.has("SchedulingGates") || refused.whole?.early) return;
    for (const plugin of plugins)
      plugin
        .postFilter?.(info, refused.state, signal)
        .catch((error: unknown) => reportUnlessGone(info, error));
    const message = refusalMessage(refused);
    const preemption =
      refused.total > 0 ? findPreemption(plugins, cluster, info, refused, [...budgets.list()]) : undefined;
    if (preemption && "victims" in preemption) {
      void preempt(info, preemption, message);
      return;
    }
    if (preemption?.hopeless) cluster.clearNomination(info.uid);
    const full = preemption ? `${message} preemption: ${preemption.message}` : message;
    outcomes
      .unschedulable(info, full, preemption?.hopeless ? "" : undefined, signal)
      .catch((error: unknown) => reportUnlessGone(info, error));
  }

  async function preempt(info: PodInfo, { node, victims }: Preemption, message: string): Promise<void> {
    const { name: nodeName } = node;
    cluster.nominate(info, nodeName);
    const notice = outcomes.unschedulable(info, message, nodeName, signal);
    const evictions = victims
      .filter((victim) => victim.pod.metadata.deletionTimestamp === undefined)
      .map((victim) => outcomes.evict(victim, info, nodeName, signal));
    // Pods of less importance that were promised this node no longer fit there.
    const outdone = [...cluster.nominated.values()].filter(
      (n) => n.nodeName === nodeName && n.info.priority < info.priority,
    );
    for (const loser of outdone) cluster.clearNomination(loser.info.uid);
    const losses = outdone.map((loser) => outcomes.denominate(loser.info, signal));
    for (const result of await Promise.allSettled([notice, ...evictions, ...losses]))
      if (result.status === "rejected") reportUnlessGone(info, result.reason);
  }

  const reportUnlessGone = (info: PodInfo, error: unknown): void => {
    if (!isNotFound(error) && !signal.aborted) log.warn({ pod: info.key, err: error }, "outcome not written");
  };

  const isOurs = (pod: Pod): boolean => (pod.spec?.schedulerName ?? name) === name;

  /** A promise outlives the scheduler that made it, and others may make one or take it back. */
  function followPromise(info: PodInfo, pod: Pod, old: Pod | undefined): void {
    const promised = pod.status?.nominatedNodeName;
    if (promised === old?.status?.nominatedNodeName) return;
    if (promised) cluster.nominate(info, promised);
    else cluster.clearNomination(info.uid);
  }

  function onPod(pod: Pod, old: Pod | undefined): void {
    const info = podInfo(pod);
    if (pod.spec?.nodeName || isTerminal(pod)) {
      const event = podEvent(pod, old, cluster);
      cluster.setPod(pod);
      queue.remove(info.uid);
      if (event) queue.onEvent(event);
    } else if (pod.metadata.deletionTimestamp || !isOurs(pod)) {
      cluster.clearNomination(info.uid);
      queue.remove(info.uid);
    } else if (!cluster.isAssumed(info.uid)) {
      followPromise(info, pod, old);
      queue.add(info);
      if (old?.spec?.schedulingGates?.length && !pod.spec?.schedulingGates?.length)
        queue.onEvent({ kind: "gates-removed" });
    }
  }

  informers.for(nodes).on({
    add(node: Node) {
      cluster.setNode(node);
      const info = cluster.node(node.metadata.name ?? "");
      if (info) queue.onEvent({ kind: "node-added", node: info });
    },
    update(node, old) {
      const changed = nodeChanges(node, old);
      if (changed.size === 0) return;
      cluster.setNode(node);
      const info = cluster.node(node.metadata.name ?? "");
      if (info) queue.onEvent({ kind: "node-changed", node: info, changed });
    },
    delete: (node) => cluster.removeNode(node.metadata.name ?? ""),
  });
  namespaceCache.on({
    update(namespace, old) {
      if (!same(namespace.metadata.labels, old.metadata.labels))
        queue.onEvent({ kind: "namespace-relabelled" });
    },
  });
  informers.for(pods).on({
    add: (pod) => onPod(pod, undefined),
    update: (pod, old) => onPod(pod, old),
    delete(pod) {
      const placed = pod.spec?.nodeName && !isTerminal(pod);
      cluster.removePod(pod.metadata.uid ?? "");
      queue.remove(pod.metadata.uid ?? "");
      if (placed) queue.onEvent({ kind: "pod-deleted", pod: podInfo(pod) });
    },
  });

  const stale = setInterval(() => queue.flushStale(staleMs), staleCheckMs).unref();
  signal.addEventListener("abort", () => clearInterval(stale));

  return {
    /** Begins to place pods; the informers must have synced. */
    start(): void {
      started = true;
      wake();
    },
    /** Stops placing pods, as after lost leadership; what is being bound goes on. */
    pause(): void {
      started = false;
    },
    get waiting(): number {
      return queue.size;
    },
  };
}
