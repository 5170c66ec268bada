/** Static pods of a node, put together: the folder, the pods that run, their mirrors in the API. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import { podUid } from "../container/names.ts";
import { isMirror } from "../eviction/critical.ts";
import type { WaitForEnd } from "../eviction/ended.ts";
import type { Kubelet } from "../kubelet.ts";
import type { PodDirectory } from "../streams/target.ts";
import { startStaticPods, type StaticPods } from "./folder.ts";
import { createMirrorKeeper } from "./mirrors.ts";
import { CONFIG_HASH } from "./static-pod.ts";

export interface StaticPodServiceOptions {
  readonly kubelet: Kubelet;
  readonly folder: string;
  /** Pods of this node as the API has them. */
  readonly cache: Informer<Pod>;
  readonly nodeUid: () => string | undefined;
  readonly ended: WaitForEnd;
}

export interface StaticPodService {
  /** The API asks by the mirror's uid; it means the static pod. */
  directory(inner: PodDirectory): PodDirectory;
}

const DEFAULT_GRACE_SECONDS = 30;
/** For what follows the end of the containers. */
const AFTERWARDS_MS = 10_000;
const LOOK_MS = 50;

/** Starts them. The caller passes mirrors by: they are no pods of their own (`isMirror`). */
export async function serveStaticPods(options: StaticPodServiceOptions): Promise<StaticPodService> {
  const { kubelet, cache } = options;
  const { ctx } = kubelet;
  const { log, signal, client, now } = ctx;

  /** Asks it to end, then waits until nothing of it is left: the same manifest may come back as the same pod. */
  const stop = async (pod: Pod): Promise<void> => {
    const uid = podUid(pod);
    const graceSeconds = pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
    const metadata = {
      ...pod.metadata,
      deletionTimestamp: formatTime(now() + graceSeconds * 1000),
      deletionGracePeriodSeconds: graceSeconds,
    };
    kubelet.pods.setPod({ ...pod, metadata }, "static");
    const limitMs = graceSeconds * 1000 + AFTERWARDS_MS;
    const deadline = ctx.steady() + limitMs;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    await options.ended(pod, limit).catch((error: unknown) => {
      if (!signal.aborted)
        log.warn({ err: error, pod: pod.metadata.name }, "a static pod has not ended in time");
    });
    kubelet.pods.removePod(uid);
    while (kubelet.pods.get(uid) && ctx.steady() < deadline && !signal.aborted)
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  };
  const keeper = createMirrorKeeper({
    client,
    statics: () => statics?.pods() ?? [],
    known: () => cache.list(),
    node: () => ({ name: ctx.node.name, uid: options.nodeUid() }),
    log,
    signal,
  });
  let statics: StaticPods | undefined;
  statics = await startStaticPods({
    folder: options.folder,
    node: ctx.node.name,
    start: (pod) => kubelet.pods.setPod(pod, "static"),
    stop,
    onChange: () => keeper.wake(),
    log,
    signal,
    now,
  });
  kubelet.pods.setMirrors((pod) => keeper.mirrorOf(pod));
  const staticUid = (uid: string): string => {
    for (const pod of cache.list())
      if (podUid(pod) === uid) return isMirror(pod) ? (pod.metadata.annotations?.[CONFIG_HASH] ?? uid) : uid;
    return uid;
  };
  const hear = (pod: Pod): void => {
    // A new mirror has no status yet.
    if (isMirror(pod)) kubelet.pods.get(pod.metadata.annotations?.[CONFIG_HASH] ?? "")?.publish();
    keeper.wake();
  };
  cache.on({
    add: hear,
    update: (pod, old) => {
      const same = podUid(pod) === podUid(old) && !pod.metadata.deletionTimestamp;
      if (isMirror(pod) && !same) hear(pod);
    },
    delete: (pod) => {
      if (isMirror(pod)) ctx.statuses.forget(podUid(pod));
      keeper.wake();
    },
  });
  keeper.wake();
  return {
    directory: (inner) => ({
      container: (uid, ...rest) => inner.container(staticUid(uid), ...rest),
      waitingReason: (uid, container) => inner.waitingReason(staticUid(uid), container),
      sandboxPid: (uid) => inner.sandboxPid(staticUid(uid)),
      address: (uid) => inner.address(staticUid(uid)),
      successor: (uid, container, after, signal) => inner.successor(staticUid(uid), container, after, signal),
      has: (uid) => inner.has(staticUid(uid)),
    }),
  };
}
