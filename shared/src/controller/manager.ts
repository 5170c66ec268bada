import { Counter, Gauge } from "prom-client";
import { ApiError } from "../errors.ts";
import { keyOf, type KubeObject } from "../meta/object.ts";
import { controllerOf, groupOf } from "../meta/owners.ts";
import type { Resource } from "../api/resources.ts";
import { createWorkQueue } from "../workqueue/work-queue.ts";
import type { WorkQueue } from "../workqueue/queue.ts";
import type { Controller, ControllerContext } from "./controller.ts";

const WORKERS = 5;

const reconciles = new Counter({
  name: "coracle_reconcile_total",
  help: "Reconciles by controller and result.",
  labelNames: ["controller", "result"],
});
const depth = new Gauge({
  name: "coracle_workqueue_depth",
  help: "Keys waiting to be reconciled.",
  labelNames: ["controller"],
});

/**
 * Runs controllers until the context's signal aborts, and returns when their workers have stopped. Each has a queue of its own;
 * events of its kinds become keys, and its workers reconcile distinct keys side by side.
 */
export async function runControllers(
  controllers: readonly Controller[],
  context: ControllerContext,
): Promise<void> {
  const running = controllers.map((controller) => prepare(controller, context));
  await context.informers.start(context.signal);
  await Promise.all(running.map((start) => start()));
}

function prepare(controller: Controller, parent: ControllerContext): () => Promise<void> {
  const context: ControllerContext = { ...parent, log: parent.log.child({ controller: controller.name }) };
  const queue = createWorkQueue();
  controller.setup?.(context, (key, afterMs = 0) => queue.addAfter(key, afterMs));
  const unsubscribe = subscribe(controller, context, queue);
  return async () => {
    const stop = (): void => {
      for (const off of unsubscribe) off();
      queue.shutDown();
    };
    if (context.signal.aborted) stop();
    else context.signal.addEventListener("abort", stop, { once: true });
    depth.labels(controller.name).set(0);
    const workers = Array.from({ length: controller.workers ?? WORKERS }, () =>
      work(controller, context, queue),
    );
    await Promise.all(workers);
  };
}

function subscribe(controller: Controller, context: ControllerContext, queue: WorkQueue): (() => void)[] {
  const watch = (
    resource: Resource<unknown>,
    keys: (object: KubeObject, old: KubeObject | undefined) => Iterable<string>,
  ): (() => void) => {
    const enqueue = (object: KubeObject, old?: KubeObject): void => {
      for (const key of keys(object, old)) queue.add(key);
    };
    return context.informers.for(resource as Resource<KubeObject>).on({
      add: (object) => enqueue(object),
      update: enqueue,
      delete: (object) => enqueue(object),
    });
  };
  return [
    watch(controller.for, (object, old) =>
      old && controller.concerns?.(object, old) === false ? [] : [keyOf(object)],
    ),
    ...(controller.owns ?? []).map((resource) =>
      watch(resource, (object, old) => ownerKeys(controller.for, object, old)),
    ),
    ...(controller.watches ?? []).map(({ resource, keys }) =>
      watch(resource, (object, old) => keys(object, old, context)),
    ),
  ];
}

/** The key of the controlling owner, and of the former one when the object has changed hands. */
function ownerKeys(owner: Resource<unknown>, object: KubeObject, old: KubeObject | undefined): Set<string> {
  const keys = new Set<string>();
  for (const state of [object, old]) {
    const reference = state && controllerOf(state);
    if (!reference || reference.kind !== owner.kind || groupOf(reference.apiVersion) !== owner.group)
      continue;
    keys.add(owner.namespaced ? `${object.metadata.namespace ?? ""}/${reference.name}` : reference.name);
  }
  return keys;
}

async function work(controller: Controller, context: ControllerContext, queue: WorkQueue): Promise<void> {
  const { log, signal } = context;
  for (;;) {
    const key = await queue.next();
    if (key === undefined || signal.aborted) return;
    try {
      const result = await controller.reconcile(key, context);
      queue.forget(key);
      reconciles.labels(controller.name, "success").inc();
      if (result) queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (signal.aborted) return;
      reconciles.labels(controller.name, "error").inc();
      report(log, key, queue.retries(key), error);
      queue.addRateLimited(key);
    } finally {
      queue.done(key);
      depth.labels(controller.name).set(queue.length);
    }
  }
}

/** Lost races (409) are part of the game; everything else deserves to be seen. */
function report(log: ControllerContext["log"], key: string, retries: number, error: unknown): void {
  if (error instanceof ApiError && error.code === 409)
    log.debug({ key, retries, err: error }, "will try again");
  else log.warn({ key, retries, err: error }, "reconcile failed, will try again");
}
