/** Ending containers: preStop, the stop signal, the grace period, the kill. */
import { isSidecar } from "@coracle/shared/meta/pods.ts";
import { LABEL } from "../container/names.ts";
import { containersOf, podEvent, runningInstances, type PodRun, type SpecContainer } from "../pod.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { runHook } from "./hooks.ts";

/** What is left for the signal when a preStop hook used up the grace. */
const MIN_GRACE_MS = 2_000;
/** A killed container that the engine does not report dead is asked about again. */
const RECHECK_MS = 10_000;

/** When the grace is over; may come nearer while waiting, when the pod is deleted again with less. */
export type Deadline = () => number;

/** Resolves when the container no longer runs, or the deadline passes. True: it has ended. */
async function endedBy(run: PodRun, id: string, deadline: Deadline): Promise<boolean> {
  for (;;) {
    const now = run.ctx.steady();
    if (hasEnded(run, id)) return true;
    if (now >= deadline()) return false;
    await changeOrTimeout(run, id, Math.min(deadline() - now, RECHECK_MS));
    if (!hasEnded(run, id) && run.ctx.steady() - now >= RECHECK_MS) await run.ctx.engine.refresh(id);
  }
}
const hasEnded = (run: PodRun, id: string): boolean => {
  const found = run.instances.get(id);
  return !found || found.state !== "running" || run.removed.has(id);
};

function changeOrTimeout(run: PodRun, id: string, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      run.changes.delete(done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    run.changes.add(done);
    if (hasEnded(run, id)) done();
  });
}

/** Ends one container within its grace. Resolves when it has ended. */
export async function endContainer(
  run: PodRun,
  container: SpecContainer | undefined,
  instance: RuntimeContainer,
  options: { readonly message: string; readonly deadline: Deadline },
): Promise<void> {
  const { ctx } = run;
  const { id } = instance;
  run.health.get(id)?.stopKilling();
  if (hasEnded(run, id)) return;
  podEvent(run, "Normal", "Killing", options.message, container);
  const hook = container?.spec.lifecycle?.preStop !== undefined && options.deadline() > ctx.steady();
  if (container && hook) await preStop(run, container, id, options.deadline);
  if (hasEnded(run, id)) return;
  const afterHook = hook ? ctx.steady() + MIN_GRACE_MS : 0;
  const deadline = (): number =>
    run.stop?.immediate ? options.deadline() : Math.max(options.deadline(), afterHook);
  if (deadline() > ctx.steady()) {
    await ctx.runtime.signal(id, instance.stopSignal);
    if (await endedBy(run, id, deadline)) return;
  }
  while (!hasEnded(run, id)) {
    await ctx.runtime.signal(id, "SIGKILL");
    if (await endedBy(run, id, () => ctx.steady() + RECHECK_MS)) return;
    await ctx.engine.refresh(id);
  }
}

async function preStop(run: PodRun, container: SpecContainer, id: string, deadline: Deadline): Promise<void> {
  const stop = new AbortController();
  const hook = runHook(run, container, id, "preStop", stop.signal);
  // The hook shares the grace period, which may be shortened while it runs.
  const over = endedBy(run, id, deadline);
  await Promise.race([hook, over]);
  stop.abort();
  await hook;
}

/** Ends everything in a pod: the containers together, then its sidecars one after the other, the last started first. */
export async function endPod(run: PodRun, deadline: Deadline): Promise<void> {
  const specs = new Map(containersOf(run.pod).map((c) => [c.spec.name, c]));
  const order = containersOf(run.pod)
    .filter((c) => c.kind === "sidecar" && isSidecar(c.spec))
    .map((c) => c.spec.name);
  const nameOf = (instance: RuntimeContainer): string => instance.labels[LABEL.container] ?? "";
  const end = (instance: RuntimeContainer): Promise<void> => {
    const name = nameOf(instance);
    return endContainer(run, specs.get(name), instance, { message: `Stopping container ${name}`, deadline });
  };
  const running = runningInstances(run);
  await Promise.all(running.filter((i) => !order.includes(nameOf(i))).map(end));
  for (const name of order.toReversed())
    for (const instance of running.filter((i) => nameOf(i) === name)) await end(instance);
}
