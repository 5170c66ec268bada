import { podEvent } from "../pod.ts";
import type { PodStep } from "./step.ts";

/** activeDeadlineSeconds: a pod that has run longer fails. */
export const deadline: PodStep = {
  name: "deadline",
  up: (run) => {
    const seconds = run.pod.spec?.activeDeadlineSeconds;
    if (seconds === undefined) return Promise.resolve(true);
    const { ctx } = run;
    const until = run.activeSince + seconds * 1000;
    if (until > ctx.steady()) {
      run.wakeAt = Math.min(run.wakeAt ?? Infinity, until);
      return Promise.resolve(true);
    }
    const verdict = {
      reason: "DeadlineExceeded",
      message: "Pod was active on the node longer than the specified deadline",
    };
    podEvent(run, "Normal", verdict.reason, verdict.message);
    const grace = run.pod.spec?.terminationGracePeriodSeconds ?? 30;
    run.stop = { deadline: ctx.steady() + grace * 1000, immediate: grace === 0, verdict };
    run.ending.abort();
    run.wake();
    return Promise.resolve(false);
  },
};
