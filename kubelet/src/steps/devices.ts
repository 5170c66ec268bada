import { podEvent } from "../pod.ts";
import type { PodStep } from "./step.ts";

/** The devices of the pod's claims: ready before anything of it runs, given back when nothing does any more. */
export const devices: PodStep = {
  name: "devices",
  up: async (run) => {
    if (run.devicesReady || !run.pod.spec?.resourceClaims?.length) return true;
    try {
      await run.ctx.devices.prepare(run.pod, run.ending.signal);
    } catch (error) {
      const why = `Failed to prepare dynamic resources: ${(error as Error).message}`;
      if (!run.ending.signal.aborted) podEvent(run, "Warning", "FailedPrepareDynamicResources", why);
      throw error;
    }
    run.devicesReady = true;
    return true;
  },
  stop: async (run) => {
    run.devicesReady = false;
    await run.ctx.devices.unprepare(run.uid);
    return true;
  },
};
