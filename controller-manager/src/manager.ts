import { storageNameOf, type Resource } from "@coracle/shared/api/resources.ts";
import { createEventRecorder } from "@coracle/shared/client/events.ts";
import type { Controller, ControllerContext } from "@coracle/shared/controller/controller.ts";
import { runControllers } from "@coracle/shared/controller/manager.ts";
import { discover } from "./discovery.ts";
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
    setup: (ctx) => controller.setup?.(own(ctx)),
    reconcile: (key, ctx) => controller.reconcile(key, own(ctx)),
  };
}

const resourcesOf = (controller: Controller): Resource<unknown>[] => [
  controller.for,
  ...(controller.owns ?? []),
  ...(controller.watches ?? []).map((w) => w.resource),
];

/** Without the controllers of kinds this API does not serve: they would wait for ever for their caches. */
async function servable(controllers: readonly Controller[], ctx: ControllerContext): Promise<Controller[]> {
  const served = new Set((await discover(ctx.client, ctx.signal)).map((r) => storageNameOf(r)));
  return controllers.filter((controller) => {
    const missing = resourcesOf(controller)
      .map((r) => storageNameOf(r))
      .filter((name) => !served.has(name));
    if (missing.length > 0)
      ctx.log.warn(
        { controller: controller.name, missing },
        "controller left out: the API does not serve its kinds",
      );
    return missing.length === 0;
  });
}

/** Runs controllers and loops until the context's signal aborts. */
export async function runAll(
  controllers: readonly Controller[],
  loops: readonly Loop[],
  ctx: ControllerContext,
  /** For tests: all write to the context's recorder. */
  { sharedEvents = false } = {},
): Promise<void> {
  const running = await servable(controllers, ctx);
  await Promise.all([
    runControllers(
      running.map((c) => (sharedEvents ? c : withOwnEvents(c, ctx))),
      ctx,
    ),
    ...loops.map((loop) => loop.run({ ...ctx, log: ctx.log.child({ controller: loop.name }) })),
  ]);
}
