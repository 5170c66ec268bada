import { LABEL } from "../container/names.ts";
import { podEvent, sandboxOf } from "../pod.ts";
import type { PodStep } from "./step.ts";

/** The pod's address: that of its sandbox, or a free one. */
export const address: PodStep = {
  name: "address",
  up: async (run) => {
    if (run.pod.spec?.hostNetwork) return true;
    const { network, signal } = run.ctx;
    if (!network.ready) {
      podEvent(
        run,
        "Warning",
        "NetworkNotReady",
        "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:the node has no pod range yet",
      );
      await network.whenReady(AbortSignal.any([signal, run.ending.signal]));
    }
    if (run.address) return true;
    const held = sandboxOf(run)?.labels[LABEL.ip];
    run.address = held && network.claim(run.uid, held) ? held : network.allocate(run.uid);
    return true;
  },
  stop: (run) => {
    run.ctx.network.release(run.uid);
    run.address = undefined;
    return Promise.resolve(true);
  },
};
