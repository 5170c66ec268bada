import type { Container, PodCondition } from "@coracle/shared/api/generated/core-v1.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import { containerResources } from "../container/resources.ts";
import { LABEL } from "../container/names.ts";
import { containersOf, instancesOf, podEvent, type PodRun, type SpecContainer } from "../pod.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import type { PodStep } from "./step.ts";

type Resources = NonNullable<Container["resources"]>;
const text = (resources: Resources | undefined): string => JSON.stringify(resources ?? {});

/** What a running instance was given: what it was made with, until it was resized. */
export function appliedResources(run: PodRun, instance: RuntimeContainer): Resources {
  const made = instance.labels[LABEL.resources];
  return run.resized.get(instance.id) ?? (JSON.parse(made ?? "{}") as Resources);
}

/** The container says for a changed resource whether it must be restarted. */
function mustRestart(spec: Container, before: Resources): boolean {
  const changed = (name: string): boolean =>
    before.limits?.[name] !== spec.resources?.limits?.[name] ||
    before.requests?.[name] !== spec.resources?.requests?.[name];
  return (spec.resizePolicy ?? []).some(
    (p) => p.restartPolicy === "RestartContainer" && changed(p.resourceName),
  );
}

interface Pending {
  readonly container: SpecContainer;
  readonly instance: RuntimeContainer;
}

function pendingResizes(run: PodRun): Pending[] {
  return containersOf(run.pod).flatMap((container) => {
    const [instance] = instancesOf(run, container.spec.name);
    if (container.kind === "ephemeral" || container.kind === "init" || instance?.state !== "running")
      return [];
    if (instance.labels[LABEL.resources] === undefined) return [];
    return text(appliedResources(run, instance)) === text(container.spec.resources)
      ? []
      : [{ container, instance }];
  });
}

const condition = (run: PodRun, type: string, reason: string, message: string): PodCondition => {
  const before = run.resize?.type === type && run.resize.reason === reason ? run.resize : undefined;
  return {
    type,
    status: "True",
    reason,
    message,
    lastTransitionTime: before?.lastTransitionTime ?? formatTime(run.ctx.now()),
  };
};

/** Whether the pod's new size fits; what does not fit at all is told from what does not fit now. */
function refusal(run: PodRun): PodCondition | undefined {
  const refused = run.ctx.admit(run.pod);
  if (!refused?.reason.startsWith("OutOf")) return undefined;
  const [, requested = 0, , capacity = 0] =
    /requested: (\d+), used: (\d+), capacity: (\d+)/.exec(refused.message)?.map(Number) ?? [];
  return condition(
    run,
    "PodResizePending",
    requested > capacity ? "Infeasible" : "Deferred",
    refused.message,
  );
}

async function apply(run: PodRun, { container, instance }: Pending): Promise<void> {
  const { spec } = container;
  if (mustRestart(spec, appliedResources(run, instance))) {
    const health = run.health.get(instance.id);
    if (health) health.condemned ??= { message: `Container ${spec.name} resize requires restart` };
    return;
  }
  await run.ctx.runtime.update(instance.id, containerResources(spec, run.ctx.config.podPidsLimit));
  run.resized.set(instance.id, spec.resources ?? {});
}

/** Gives running containers what their changed spec asks for, in place. */
export const resize: PodStep = {
  name: "resize",
  up: async (run) => {
    const pending = pendingResizes(run);
    if (pending.length === 0) {
      if (run.resize?.type === "PodResizeInProgress")
        podEvent(run, "Normal", "ResizeCompleted", "Pod resize completed");
      run.resize = undefined;
      return true;
    }
    run.resize = refusal(run);
    if (run.resize) {
      run.publish();
      return true;
    }
    try {
      for (const item of pending) await apply(run, item);
      const waits = pendingResizes(run).length > 0;
      run.resize = waits ? condition(run, "PodResizeInProgress", "", "") : undefined;
      if (!waits) podEvent(run, "Normal", "ResizeCompleted", "Pod resize completed");
    } catch (error) {
      const { message } = error as Error;
      if (run.resize?.message !== message) podEvent(run, "Warning", "ResizeError", message);
      run.resize = condition(run, "PodResizeInProgress", "Error", message);
    }
    run.publish();
    return true;
  },
};
