/** Mirror pods: what the API shows of static pods. They are made again when someone deletes them, and go with their static pod. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { pods } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { isAlreadyExists, isConflict, isNotFound } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { podKey } from "../container/names.ts";
import { CONFIG_MIRROR, isMirror } from "../eviction/critical.ts";
import { CONFIG_HASH } from "./static-pod.ts";

export interface MirrorOptions {
  readonly client: Pick<Client, "create" | "delete">;
  readonly statics: () => Iterable<Pod>;
  /** Pods of this node as the API has them; others than mirrors are passed over. */
  readonly known: () => Iterable<Pod>;
  /** The Node object's uid; undefined while the node is not registered. */
  readonly node: () => { readonly name: string; readonly uid: string | undefined };
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface MirrorKeeper {
  /** Something changed: a static pod, a mirror, the node. */
  wake(): void;
  /** The API's object for a static pod, whose status is the static pod's. */
  mirrorOf(pod: Pod): Pod | undefined;
  /** Resolves when everything asked for so far is done. */
  idle(): Promise<void>;
}

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;

export interface MirrorPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
}

const hashOf = (pod: Pod): string | undefined => pod.metadata.annotations?.[CONFIG_HASH];
const mirrors = (mirror: Pod, pod: Pod): boolean =>
  mirror.metadata.annotations?.[CONFIG_MIRROR] === hashOf(pod);

/** What to do so that each static pod has its mirror and no mirror is left over. Pure. */
export function planMirrors(statics: Iterable<Pod>, known: Iterable<Pod>): MirrorPlan {
  const wanted = new Map([...statics].map((pod) => [podKey(pod), pod]));
  const taken = new Map([...known].map((pod) => [podKey(pod), pod]));
  const remove = [...taken].flatMap(([key, mirror]) => {
    if (!isMirror(mirror)) return [];
    const pod = wanted.get(key);
    const current = pod !== undefined && mirrors(mirror, pod) && !mirror.metadata.deletionTimestamp;
    return current ? [] : [mirror];
  });
  // An outdated one must be gone first; its end wakes the keeper again.
  const create = [...wanted].flatMap(([key, pod]) => (taken.has(key) ? [] : [pod]));
  return { create, remove };
}

/** The object that the API gets for a static pod. */
export function mirrorFor(pod: Pod, node: { readonly name: string; readonly uid: string }): Pod {
  const { name, namespace, labels, annotations } = pod.metadata;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      ...(labels ? { labels } : {}),
      annotations: { ...annotations, [CONFIG_MIRROR]: hashOf(pod) ?? "" },
      ownerReferences: [{ apiVersion: "v1", kind: "Node", name: node.name, uid: node.uid, controller: true }],
    },
    spec: pod.spec,
  };
}

/** Works when woken; a refusal is tried again, less and less often. */
export function createMirrorKeeper(options: MirrorOptions): MirrorKeeper {
  const { client, log, signal } = options;
  let dirty = false;
  let working: Promise<void> | undefined;

  const remove = async (mirror: Pod): Promise<void> => {
    const { name = "", namespace, uid } = mirror.metadata;
    try {
      await client.delete(
        pods,
        { name, namespace },
        { gracePeriodSeconds: 0, preconditions: { uid }, signal },
      );
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  };
  const create = async (pod: Pod, node: { name: string; uid: string }): Promise<void> => {
    try {
      await client.create(pods, mirrorFor(pod, node), { signal });
    } catch (error) {
      // There is one that we have not heard of yet.
      if (!isAlreadyExists(error)) throw error;
    }
  };
  const reconcile = async (): Promise<void> => {
    const { create: missing, remove: surplus } = planMirrors(options.statics(), options.known());
    const { name, uid } = options.node();
    for (const mirror of surplus) await remove(mirror);
    if (uid !== undefined) for (const pod of missing) await create(pod, { name, uid });
  };
  const work = async (): Promise<void> => {
    let delay = RETRY_MIN_MS;
    while (dirty && !signal.aborted) {
      dirty = false;
      try {
        await reconcile();
        delay = RETRY_MIN_MS;
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ err: error, retryMs: delay }, "the mirrors of static pods could not be kept");
        await sleep(delay, undefined, { signal }).catch(() => undefined);
        delay = Math.min(delay * 2, RETRY_MAX_MS);
        dirty = true;
      }
    }
    // In the same turn as the last look at `dirty`, so that no call to wake falls between.
    working = undefined;
  };
  return {
    wake() {
      dirty = true;
      working ??= Promise.resolve().then(work);
    },
    mirrorOf: (pod) =>
      [...options.known()].find(
        (known) => podKey(known) === podKey(pod) && isMirror(known) && mirrors(known, pod),
      ),
    idle: async () => {
      while (working) await working;
    },
  };
}
