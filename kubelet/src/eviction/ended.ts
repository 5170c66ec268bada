/** Waiting for the end of a pod's containers, by the engine's own news. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { podUid } from "../container/names.ts";
import type { EngineView } from "../engine-view.ts";

/** Resolves when no container of the pod runs; rejects with the signal's reason. */
export type WaitForEnd = (pod: Pod, signal: AbortSignal) => Promise<void>;

export function createEndWatch(engine: Pick<EngineView, "ofPod" | "onChange">): WaitForEnd {
  const waiting = new Map<string, Set<() => void>>();
  const runs = (uid: string): boolean => [...engine.ofPod(uid)].some((c) => c.state === "running");
  engine.onChange((uid) => {
    const waiters = waiting.get(uid);
    if (!waiters || runs(uid)) return;
    waiting.delete(uid);
    for (const resolve of waiters) resolve();
  });
  return (pod, signal) => {
    const uid = podUid(pod);
    if (!runs(uid)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiters = waiting.get(uid) ?? new Set();
      waiting.set(uid, waiters);
      const done = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        waiters.delete(done);
        reject(signal.reason as Error);
      };
      waiters.add(done);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  };
}
