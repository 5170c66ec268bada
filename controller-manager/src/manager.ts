import { createEventRecorder } from "@coracle/shared/client/events.ts";
import type { Controller, ControllerContext } from "@coracle/shared/controller/controller.ts";
import { runControllers } from "@coracle/shared/controller/manager.ts";
import type { Loop } from "./loop.ts";

/** Names under which upstream's controllers write Events, where they differ from ours with `-controller`. */
const COMPONENTS: Readonly<Record<string, string>> = {
  replicationcontroller: "replication-controller",
  "node-lifecycle": "node-controller",
  "node-ipam": "cidrAllocator",
  "taint-eviction": "taint-eviction-controller",
  endpoints: "endpoint-controller",
  endpointslice: "endpoint-slice-controller",
  horizontalpodautoscaler: "horizontal-pod-autoscaler",
  disruption: "controllermanager",
  persistentvolume: "persistentvolume-controller",
  cronjob: "cronjob-controller",
  "service-cidr": "service-cidrs-controller",
};

/** The controller, writing its Events under its own name. */
function withOwnEvents(controller: Controller, parent: ControllerContext): Controller {
  const events = createEventRecorder({
    client: parent.client,
    component: COMPONENTS[controller.name] ?? `${controller.name}-controller`,
    log: parent.log,
    signal: parent.signal,
    now: () => parent.clock.now(),
  });
  const own = (ctx: ControllerContext): ControllerContext => ({ ...ctx, events });
  return {
    ...controller,
    setup: (ctx, wake) => controller.setup?.(own(ctx), wake),
    reconcile: (key, ctx) => controller.reconcile(key, own(ctx)),
  };
}

/** Runs controllers and loops until the context's signal aborts. */
export async function runAll(
  controllers: readonly Controller[],
  loops: readonly Loop[],
  ctx: ControllerContext,
  /** For tests: all write to the context's recorder. */
  { sharedEvents = false } = {},
): Promise<void> {
  await Promise.all([
    runControllers(
      controllers.map((c) => (sharedEvents ? c : withOwnEvents(c, ctx))),
      ctx,
    ),
    ...loops.map((loop) => loop.run({ ...ctx, log: ctx.log.child({ controller: loop.name }) })),
  ]);
}
