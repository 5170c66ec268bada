/** Keeps the node usable: frees what can be had without harm, and ends pods when that is not enough. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeCondition, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { isPodActive } from "@coracle/shared/meta/pods.ts";
import { podKey, podUid } from "../container/names.ts";
import { evictions } from "../metrics.ts";
import type { PodReading } from "../stats/reading.ts";
import type { PodDisk } from "../stats/summary.ts";
import { refusedUnderPressure } from "./admit.ts";
import { isCritical } from "./critical.ts";
import type { EndPod } from "./end-pod.ts";
import { exceededLimit, limitsLocalStorage } from "./local-storage.ts";
import { evictionMessage } from "./messages.ts";
import {
  hasCondition,
  mostUrgent,
  nextPressure,
  NO_PRESSURE,
  PRESSURES,
  pressureConditions,
  type PressureState,
} from "./pressure.ts";
import { rankForEviction } from "./rank.ts";
import {
  amountOf,
  starvedBy,
  type Observation,
  type PressureCondition,
  type Starved,
  type Threshold,
} from "./signals.ts";
import { useByUid } from "./usage.ts";

export interface EvictionOptions {
  readonly thresholds: readonly Threshold[];
  readonly observe: () => Promise<Observation>;
  /** Pods bound to this node. */
  readonly pods: () => Iterable<Pod>;
  readonly readings: () => Promise<readonly PodReading[]>;
  readonly disk: (pod: Pod, maxAgeMs: number) => Promise<PodDisk>;
  readonly end: EndPod;
  /** Resolves when nothing of the pod runs any more. */
  readonly ended: (pod: Pod, signal: AbortSignal) => Promise<void>;
  /** Removes dead containers and unused images: all of them, since the disk is full. */
  readonly freeDisk: () => Promise<void>;
  readonly onConditions: () => void;
  /** Events about the pod and about the node. */
  readonly podEvent: (pod: Pod, reason: string, message: string) => void;
  readonly nodeEvent: (reason: string, message: string) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly now?: (() => number) | undefined;
  /** A clock that never jumps: a threshold's grace is counted on it. */
  readonly steady?: (() => number) | undefined;
  readonly transitionMs?: number | undefined;
  /** The longest grace a soft eviction leaves a pod. */
  readonly maxGraceSeconds?: number | undefined;
  readonly intervalMs?: number | undefined;
}

export interface EvictionManager {
  /** The pressure conditions of the node's status. */
  conditions(before: readonly NodeCondition[]): NodeCondition[];
  /** Why a pod is refused now; undefined when it is not. */
  admit(pod: Pod): { readonly reason: string; readonly message: string } | undefined;
  /** Observes once and acts. The loop does this by itself. */
  look(): Promise<void>;
  /** Begins to observe. Resolves when the signal has ended it. */
  run(): Promise<void>;
}

const INTERVAL_MS = 10_000;
/** Close to a threshold of memory or processes it is looked at more often: they go fast. */
const NEAR_INTERVAL_MS = 1_000;
const NEAR = 1.5;
const TRANSITION_MS = 300_000;
const CLEANUP_MS = 30_000;
/** What a pod without a grace of its own gets. */
const IMMEDIATE_SECONDS = 1;
const DISK_AGE_MS = 10_000;

export function createEvictionManager(options: EvictionOptions): EvictionManager {
  const { thresholds, log, signal, now = Date.now, transitionMs = TRANSITION_MS } = options;
  const steady = options.steady ?? (() => performance.now());
  let state: PressureState = NO_PRESSURE;
  let shown: ReadonlySet<PressureCondition> = new Set();
  let near = false;
  /** What the node is short of with nothing left to evict. */
  let helpless: Starved | undefined;
  /** Told to end; until that shows in their status they are not counted as running. */
  const evicted = new Set<string>();

  const showConditions = (): void => {
    const next = new Set(PRESSURES.filter((type) => hasCondition(state, type, steady(), transitionMs)));
    const same = next.size === shown.size && [...next].every((type) => shown.has(type));
    shown = next;
    if (!same) options.onConditions();
  };
  const take = async (): Promise<Observation> => {
    const observation = await options.observe();
    state = nextPressure(state, thresholds, observation, steady());
    if (state.due.length === 0) helpless = undefined;
    near = thresholds.some((threshold) => isNear(threshold, observation));
    showConditions();
    return observation;
  };
  const candidates = (): Pod[] => {
    const pods = [...options.pods()];
    const uids = new Set(pods.map(podUid));
    for (const uid of evicted) if (!uids.has(uid)) evicted.delete(uid);
    return pods.filter((pod) => isPodActive(pod) && !isCritical(pod) && !evicted.has(podUid(pod)));
  };

  /** True when a pod was ended. */
  const evictOverLimits = async (): Promise<boolean> => {
    let any = false;
    for (const pod of candidates().filter(limitsLocalStorage)) {
      const exceeded = exceededLimit(pod, await options.disk(pod, DISK_AGE_MS));
      if (exceeded === undefined) continue;
      evictions.inc({ eviction_signal: exceeded.signal });
      evict(pod, exceeded.message, IMMEDIATE_SECONDS, false);
      any = true;
    }
    return any;
  };
  const evict = (pod: Pod, message: string, graceSeconds: number, disruption: boolean): void => {
    log.warn({ pod: podKey(pod), graceSeconds, message }, "evicting a pod");
    evicted.add(podUid(pod));
    options.podEvent(pod, "Evicted", message);
    options.end(pod, { reason: "Evicted", message, graceSeconds, disruption });
  };
  const waitFor = async (pod: Pod): Promise<void> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(CLEANUP_MS)]);
    try {
      await options.ended(pod, limit);
    } catch (error) {
      signal.throwIfAborted();
      if (!limit.aborted) throw error;
      log.warn({ pod: podKey(pod) }, "an evicted pod has not ended yet");
    }
  };
  const evictOne = async (threshold: Threshold, observation: Observation): Promise<void> => {
    const starved = starvedBy(threshold.signal);
    const pods = candidates();
    if (pods.length === 0) {
      // Once: it is looked at every second now, and a log takes room of a full disk.
      if (helpless !== starved) log.error({ starved }, "nothing is left to evict");
      helpless = starved;
      return;
    }
    helpless = undefined;
    const onDisk = starved === "ephemeral-storage" || starved === "inodes";
    const disks = new Map<string, PodDisk>();
    if (onDisk) for (const pod of pods) disks.set(podUid(pod), await options.disk(pod, DISK_AGE_MS));
    const [first] = rankForEviction(useByUid(pods, await options.readings(), disks), starved);
    if (!first) return;
    const grace =
      threshold.graceMs === undefined
        ? IMMEDIATE_SECONDS
        : Math.min(
            options.maxGraceSeconds ?? IMMEDIATE_SECONDS,
            first.pod.spec?.terminationGracePeriodSeconds ?? 30,
          );
    evictions.inc({ eviction_signal: threshold.signal });
    evict(first.pod, evictionMessage(threshold, observation, first), grace, true);
    await waitFor(first.pod);
  };
  const look = async (): Promise<void> => {
    let observation = await take();
    if (await evictOverLimits()) return;
    let threshold = mostUrgent(state);
    if (!threshold) return;
    const starved = starvedBy(threshold.signal);
    options.nodeEvent("EvictionThresholdMet", `Attempting to reclaim ${starved}`);
    if (/^(node|image)fs/.test(threshold.signal)) {
      await options.freeDisk();
      observation = await take();
      threshold = mostUrgent(state);
      if (!threshold) return;
    }
    await evictOne(threshold, observation);
  };
  return {
    conditions: (before) => pressureConditions(shown, before, now()),
    admit: (pod) => refusedUnderPressure(pod, shown),
    look,
    run: async () => {
      while (!signal.aborted) {
        try {
          await look();
        } catch (error) {
          if (signal.aborted) return;
          log.error({ err: error }, "could not look after the node's resources");
        }
        const wait = state.due.length > 0 || near ? NEAR_INTERVAL_MS : (options.intervalMs ?? INTERVAL_MS);
        await sleep(wait, undefined, { signal, ref: false }).catch(() => undefined);
      }
    },
  };
}

function isNear(threshold: Threshold, observation: Observation): boolean {
  if (threshold.signal !== "memory.available" && threshold.signal !== "pid.available") return false;
  const level = observation.get(threshold.signal);
  return level !== undefined && level.available < amountOf(threshold.value, level.capacity) * NEAR;
}
