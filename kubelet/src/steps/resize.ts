import type { Container } from "@coracle/shared/api/generated/core-v1.ts";
import { podRequests } from "@coracle/shared/meta/pods.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import { containerResources } from "../container/resources.ts";
import { LABEL } from "../container/names.ts";
import { containersOf, instancesOf, podEvent, type PodRun, type SpecContainer } from "../pod.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { isGrouped, isPodResizeDue, resizeWhole } from "./resize-pod.ts";
import type { PodStep } from "./step.ts";

type Resources = NonNullable<Container["resources"]>;
const text = (resources: Resources | undefined): string => JSON.stringify(resources ?? {});

/** What a running instance was given: what it was made with, until it was resized, maybe by an earlier life of the kubelet. */
export function appliedResources(run: PodRun, instance: RuntimeContainer): Resources {
  const { containerStatuses = [], initContainerStatuses = [] } = run.pod.status ?? {};
  const told = (): Resources | undefined =>
    [...containerStatuses, ...initContainerStatuses].find((s) => s.containerID?.endsWith(`//${instance.id}`))
      ?.resources;
  const made = (): Resources => JSON.parse(instance.labels[LABEL.resources] ?? "{}") as Resources;
  return run.resized.get(instance.id) ?? told() ?? made();
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

type ResizeReason = "Deferred" | "Infeasible" | "Error";

/** Sets the pod's condition of its resize, and tells of it in an event when it is news. */
function say(run: PodRun, type: string, reason: ResizeReason | "", message: string): void {
  const { generation } = run.pod.metadata;
  const before = run.resize?.type === type && run.resize.reason === reason ? run.resize : undefined;
  run.resize = {
    type,
    status: "True",
    reason,
    message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: before?.lastTransitionTime ?? formatTime(run.ctx.now()),
  };
  if (before?.message === message && before.observedGeneration === generation) return;
  if (reason) resizeEvent(run, "Warning", `Resize${reason}`, EVENT_TEXT[reason], message);
  else resizeEvent(run, "Normal", "ResizeStarted", "started");
}

const EVENT_TEXT = { Deferred: "Deferred", Infeasible: "Infeasible", Error: "error" } as const;

/** With what the pod asks for, as upstream's events of resizes have it. */
function resizeEvent(
  run: PodRun,
  type: "Normal" | "Warning",
  reason: string,
  what: string,
  error?: string,
): void {
  const containers = (run.pod.spec?.containers ?? []).map(({ name, resources }) => ({ name, resources }));
  const details = JSON.stringify({
    containers,
    generation: run.pod.metadata.generation,
    ...(error === undefined ? {} : { error }),
  });
  podEvent(run, type, reason, `Pod resize ${what}: ${details}`);
}

/** The new size can never fit, or not now: says so and answers true. */
function refused(run: PodRun): boolean {
  // Of what the pod asks for: its status tells what it has, and that the wish was refused before.
  const { status: _, ...wish } = run.pod;
  const requests = podRequests(wish);
  for (const name of ["memory", "cpu"]) {
    const [requested, allocatable] = [requests[name] ?? 0, run.ctx.node.allocatable[name]];
    const capacity = allocatable === undefined ? Infinity : resourceAmount(name, allocatable);
    if (requested <= capacity) continue;
    const amounts = `${name}, requested: ${requested}, capacity: ${capacity}`;
    say(run, "PodResizePending", "Infeasible", `Node didn't have enough capacity: ${amounts}`);
    return true;
  }
  const refusal = run.ctx.admit(wish);
  if (!refusal?.reason.startsWith("OutOf")) return false;
  say(run, "PodResizePending", "Deferred", refusal.message);
  return true;
}

/** The kernel would end the container on the spot, or refuse. @throws Error */
async function checkMemory(run: PodRun, { container, instance }: Pending): Promise<void> {
  const limitOf = (resources: Resources | undefined): number =>
    resourceAmount("memory", resources?.limits?.["memory"] ?? "0");
  const wanted = limitOf(container.spec.resources);
  const had = limitOf(appliedResources(run, instance));
  if (wanted === 0 || (had !== 0 && wanted >= had)) return;
  const used = (await run.ctx.runtime.stats(instance.id))?.workingSetBytes ?? 0;
  if (used > wanted)
    throw new Error(
      `attempting to set container "${container.spec.name}" memory limit (${wanted}) below current usage (${used})`,
    );
}

async function apply(run: PodRun, { container, instance }: Pending): Promise<void> {
  const { spec } = container;
  if (mustRestart(spec, appliedResources(run, instance))) {
    const health = run.health.get(instance.id);
    if (health) health.condemned ??= { message: `Container ${spec.name} resize requires restart` };
    return;
  }
  await checkMemory(run, { container, instance });
  await run.ctx.runtime.update(
    instance.id,
    containerResources(run.pod, spec, {
      pidsLimit: run.ctx.config.podPidsLimit,
      grouped: isGrouped(run),
    }),
  );
  run.resized.set(instance.id, spec.resources ?? {});
}

/** No container may have more than its pod: what grows must grow outside first, what shrinks inside. */
async function applyAll(run: PodRun, pending: readonly Pending[]): Promise<void> {
  if (isPodResizeDue(run)) await resizeWhole(run).catch(() => undefined);
  for (const item of pending) await apply(run, item);
  if (isPodResizeDue(run)) await resizeWhole(run);
}

/** How long after an error a resize is tried again. */
const RETRY_MS = 10_000;

/** Gives running containers what their changed spec asks for, in place. */
export const resize: PodStep = {
  name: "resize",
  up: async (run) => {
    const pending = pendingResizes(run);
    if (pending.length === 0 && !isPodResizeDue(run)) {
      if (run.resize?.type === "PodResizeInProgress")
        resizeEvent(run, "Normal", "ResizeCompleted", "completed");
      run.resize = undefined;
      return true;
    }
    if (refused(run)) {
      run.publish();
      return true;
    }
    try {
      await applyAll(run, pending);
      if (pendingResizes(run).length > 0) say(run, "PodResizeInProgress", "", "");
      else {
        run.resize = undefined;
        resizeEvent(run, "Normal", "ResizeCompleted", "completed");
      }
    } catch (error) {
      say(run, "PodResizeInProgress", "Error", (error as Error).message);
      run.wakeAt = Math.min(run.wakeAt ?? Infinity, run.ctx.steady() + RETRY_MS);
    }
    run.publish();
    return true;
  },
};
