/** One serial loop per pod: woken by a change of the spec, the engine, a probe or a clock, it brings the pod one sync further. */
import type { PodRun } from "./pod.ts";
import { syncPod } from "./sync-pod.ts";

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 60_000;

export interface PodWorker {
  /** Something changed. After a failure only an urgent change (of the pod's object) is looked at before the next try is due. */
  wake(urgent?: boolean): void;
  /** Resolves when nothing is left of the pod. */
  readonly done: Promise<void>;
}

/** Runs until the pod is gone or the process stops. A sync that fails is tried again, less and less often. */
export function startPodWorker(run: PodRun): PodWorker {
  const { ctx } = run;
  let woken = true;
  let holding = false;
  let resume: (() => void) | undefined;
  const wake = (urgent = false): void => {
    if (holding && !urgent) return;
    woken = true;
    resume?.();
  };
  const wakeNow = (): void => wake(true);
  const wait = (until: number | undefined): Promise<void> =>
    new Promise((resolve) => {
      if (woken) return resolve();
      const timer =
        until === undefined
          ? undefined
          : setTimeout(wakeNow, Math.max(1, Math.min(until - ctx.steady(), 2 ** 31 - 1)));
      resume = () => {
        clearTimeout(timer);
        resume = undefined;
        resolve();
      };
    });

  const loop = async (): Promise<void> => {
    let failures = 0;
    ctx.signal.addEventListener("abort", wakeNow, { once: true });
    for (;;) {
      await wait(run.wakeAt);
      if (ctx.signal.aborted) break;
      woken = false;
      holding = false;
      run.wakeAt = undefined;
      try {
        if (await syncPod(run)) break;
        failures = 0;
      } catch (error) {
        if (ctx.signal.aborted) break;
        const delay = Math.min(RETRY_MIN_MS * 2 ** failures, RETRY_MAX_MS);
        failures += 1;
        const { name, namespace } = run.pod.metadata;
        // Stopping a pod in the middle of a step is no failure of the step.
        if (!run.ending.signal.aborted || failures > 1)
          ctx.log.warn({ err: error, pod: name, namespace, retryMs: delay }, "a pod could not be synced");
        run.wakeAt = ctx.steady() + delay;
        // What failed may itself have caused events; they must not make it a tight loop.
        woken = false;
        holding = true;
        run.publish();
      }
    }
    ctx.signal.removeEventListener("abort", wakeNow);
  };
  return { wake, done: loop() };
}
