import { existing, podEvent, sandboxesOf } from "../pod.ts";
import type { PodStep } from "./step.ts";

/** Refuses a new pod the node has no place for. One that runs here already was admitted before. */
export const admission: PodStep = {
  name: "admission",
  up: (run) => {
    if (run.admitted || existing(run).length > 0 || sandboxesOf(run).length > 0) {
      run.admitted = true;
      return Promise.resolve(true);
    }
    const refusal = run.ctx.admit(run.pod);
    run.admitted = true;
    if (!refusal) return Promise.resolve(true);
    podEvent(run, "Warning", refusal.reason, refusal.message);
    run.stop = {
      deadline: run.ctx.steady(),
      immediate: true,
      verdict: { reason: refusal.reason, message: `Pod was rejected: ${refusal.message}`, refused: true },
    };
    run.publish();
    run.wake();
    return Promise.resolve(false);
  },
};
