import { rm } from "node:fs/promises";
import { messagePlace } from "../container/build.ts";
import { LABEL, nodeLabels, podFullName } from "../container/names.ts";
import { endContainer, endPod } from "../lifecycle/end.ts";
import { isStartOverAsked, startOver } from "../lifecycle/restart-all.ts";
import { startContainer, tellHeld } from "../lifecycle/start.ts";
import { attemptOf, planContainers, type Kill, type Plan } from "../plan/plan.ts";
import { viewsOf } from "../plan/views.ts";
import {
  containersOf,
  instancesOf,
  isEnding,
  podEvent,
  runningInstances,
  type PodRun,
  type SpecContainer,
} from "../pod.ts";
import type { PodStep } from "./step.ts";

const DEFAULT_GRACE_SECONDS = 30;
const graceOf = (run: PodRun): number => run.pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;

function kill(run: PodRun, order: Kill): void {
  const instance = run.instances.get(order.id);
  const container = containersOf(run.pod).find((c) => c.spec.name === order.container);
  if (!instance) return;
  const deadline = run.ctx.steady() + (order.graceSeconds ?? graceOf(run)) * 1000;
  run.tasks.start(`kill/${order.id}`, () =>
    endContainer(run, container, instance, { message: order.message, deadline: () => deadline }),
  );
}

/** Keeps the last two instances of each container: the newest, and the one `logs --previous` is about. */
async function dropOld(run: PodRun, container: SpecContainer): Promise<void> {
  const old = instancesOf(run, container.spec.name).slice(2);
  for (const instance of old) {
    if (!run.removed.has(instance.id)) await run.ctx.runtime.remove(instance.id);
    await rm(messagePlace(run, container.spec.name, attemptOf(instance)).here, { force: true });
    run.removed.add(instance.id);
    run.instances.delete(instance.id);
    run.messages.delete(instance.id);
    run.users.delete(instance.id);
    run.health.delete(instance.id);
    run.startedOver.delete(instance.id);
    run.endedAt.delete(instance.id);
    run.resized.delete(instance.id);
  }
}

const earliest = (...times: (number | undefined)[]): number | undefined => {
  const known = times.filter((t) => t !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
};

/** A hook of an earlier container holds back the later ones. */
const hookRuns = (run: PodRun): boolean =>
  [...run.health].some(([id, { hook }]) => hook === "running" && run.instances.get(id)?.state === "running");

async function startAll(run: PodRun): Promise<void> {
  tellHeld(run);
  for (const spec of run.plan?.start ?? []) {
    const container = containersOf(run.pod).find((c) => c.spec.name === spec.name);
    if (!container || hookRuns(run) || isEnding(run) || isStartOverAsked(run)) return;
    await startContainer(run, container);
    await dropOld(run, container);
  }
}

/** Says once per wait that a container is backed off. */
function announceBackoff(run: PodRun, before: Plan | undefined): void {
  for (const name of run.plan?.waiting.keys() ?? []) {
    if (before?.waiting.has(name)) continue;
    const container = containersOf(run.pod).find((c) => c.spec.name === name);
    const message = `Back-off restarting failed container ${name} in pod ${podFullName(run.pod)}`;
    podEvent(run, "Warning", "BackOff", message, container);
  }
}

/** The containers: started in order, restarted by policy, ended when a probe or the spec says so. */
export const containers: PodStep = {
  name: "containers",
  up: async (run) => {
    if (startOver(run)) return false;
    const before = run.plan;
    run.plan = planContainers({ pod: run.pod, ...viewsOf(run), now: run.ctx.steady() });
    announceBackoff(run, before);
    for (const order of run.plan.kill) kill(run, order);
    if (run.plan.over) {
      run.over = runningInstances(run).length === 0;
      if (!run.over) endRest(run);
      run.publish();
      return run.over;
    }
    run.publish();
    await startAll(run);
    run.wakeAt = earliest(run.wakeAt, run.plan.wakeAt, ...run.retryAt.values());
    run.publish();
    return true;
  },
  stop: (run) => {
    if (runningInstances(run).length > 0) {
      const now = run.ctx.steady();
      run.tasks.start("end", () => endPod(run, () => run.stop?.deadline ?? now));
      return Promise.resolve(false);
    }
    for (const health of run.health.values()) health.stop();
    return Promise.resolve(true);
  },
  erase: async (run) => {
    const { runtime, identity } = run.ctx;
    // Asked of the engine, since a container may have been made whose answer never arrived.
    const left = await runtime.list({ ...nodeLabels(identity), [LABEL.podUid]: run.uid });
    await Promise.all(left.map(({ id }) => runtime.remove(id)));
    for (const { id } of left) run.removed.add(id);
    return true;
  },
};

/** The work is done; sidecars that are left get the pod's grace to end. */
function endRest(run: PodRun): void {
  const until = run.ctx.steady() + graceOf(run) * 1000;
  run.tasks.start("end", () => endPod(run, () => until));
}
