/** Graceful node shutdown: before the node goes, its pods end in an orderly way, the ones it needs itself last. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { isPodActive } from "@coracle/shared/meta/pods.ts";
import { isCritical } from "../eviction/critical.ts";
import type { EndPod } from "../eviction/end-pod.ts";

export interface ShutdownGrace {
  /** For all pods together. */
  readonly seconds: number;
  /** The last part of it, which is the critical pods'. */
  readonly criticalSeconds: number;
}

export interface ShutdownOptions {
  readonly grace: ShutdownGrace;
  readonly pods: () => Iterable<Pod>;
  readonly end: EndPod;
  /** Resolves when nothing of the pod runs any more. */
  readonly ended: (pod: Pod, signal: AbortSignal) => Promise<void>;
  /** The node's status is another one now. */
  readonly publishNode: () => void;
  /** Waits until the API has the pods' last statuses. */
  readonly flush: () => Promise<void>;
  readonly log: Logger;
}

export interface Shutdown {
  readonly began: boolean;
  /** Why a pod is refused; undefined while the node stays. */
  admit(): { readonly reason: string; readonly message: string } | undefined;
  /** Why the node is not ready; undefined while it stays. */
  notReady(): string | undefined;
  /** Ends all pods, and resolves when they have ended or the grace is over. */
  run(): Promise<void>;
}

const REASON = "Terminated";
const MESSAGE = "Pod was terminated in response to imminent node shutdown.";
/** A critical pod gets a third of the time unless it is said otherwise. */
const CRITICAL_SHARE = 1 / 3;
/** For the last words to the API. */
const FLUSH_MS = 2_000;

/** `30` or `30,10`: seconds in all, and those of critical pods. Undefined: off, pods are left running. @throws Error */
export function parseGrace(text: string | undefined): ShutdownGrace | undefined {
  if (!text) return undefined;
  const [seconds = Number.NaN, critical, ...rest] = text.split(",").map(Number);
  const criticalSeconds = critical ?? Math.floor(seconds * CRITICAL_SHARE);
  const valid = seconds >= 0 && criticalSeconds >= 0 && criticalSeconds <= seconds && rest.length === 0;
  if (!valid) throw new Error(`not a grace period for the node's shutdown: ${text}`);
  return seconds === 0 ? undefined : { seconds, criticalSeconds };
}

export function createShutdown(options: ShutdownOptions): Shutdown {
  const { grace, log } = options;
  let began = false;

  /** One group: told to end at once, waited for together. */
  const endGroup = async (pods: readonly Pod[], seconds: number): Promise<void> => {
    if (pods.length === 0) return;
    log.info({ pods: pods.length, seconds }, "ending pods before the node goes");
    const limit = AbortSignal.timeout(seconds * 1000);
    for (const pod of pods) {
      const own = pod.spec?.terminationGracePeriodSeconds ?? 30;
      options.end(pod, {
        reason: REASON,
        message: MESSAGE,
        graceSeconds: Math.min(own, seconds),
        disruption: true,
      });
    }
    const results = await Promise.allSettled(pods.map((pod) => options.ended(pod, limit)));
    const left = results.filter((result) => result.status === "rejected").length;
    if (left > 0) log.warn({ pods: left }, "pods have not ended in time");
  };
  const flush = async (): Promise<void> => {
    const timer = new AbortController();
    const late = sleep(FLUSH_MS, undefined, { signal: timer.signal, ref: false }).catch(() => undefined);
    try {
      await Promise.race([options.flush(), late]);
    } catch (error) {
      log.warn({ err: error }, "the last statuses could not be written");
    } finally {
      timer.abort();
    }
  };
  return {
    get began() {
      return began;
    },
    admit: () =>
      began
        ? { reason: "NodeShutdown", message: "Pod was rejected as the node is shutting down." }
        : undefined,
    notReady: () => (began ? "node is shutting down" : undefined),
    run: async () => {
      if (began) return;
      began = true;
      // The node is shown as going before the first pod does, so that no replacement comes here.
      options.publishNode();
      const active = [...options.pods()].filter(isPodActive);
      await endGroup(
        active.filter((pod) => !isCritical(pod)),
        grace.seconds - grace.criticalSeconds,
      );
      await endGroup(active.filter(isCritical), grace.criticalSeconds);
      await flush();
    },
  };
}

/** A signal that aborts when the process is to stop, but only after `before` is done. */
export function delayedSignal(stop: AbortSignal, before: () => Promise<void>): AbortSignal {
  const delayed = new AbortController();
  const go = (): void => {
    before().then(
      () => delayed.abort(stop.reason),
      (error: unknown) => delayed.abort(error),
    );
  };
  if (stop.aborted) go();
  else stop.addEventListener("abort", go, { once: true });
  return delayed.signal;
}
