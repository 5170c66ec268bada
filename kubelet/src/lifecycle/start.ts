/** Starting containers: image, spec, creation, start, hook, probes; each failure with its reason. */
import { buildContainer, specHash } from "../container/build.ts";
import { ConfigError } from "../container/env.ts";
import { podUid } from "../container/names.ts";
import { pullCredentials } from "../images/pull-credentials.ts";
import type { ImageAnswer } from "../images/manager.ts";
import { containerType, startedContainers, startedContainersErrors } from "../metrics.ts";
import { attemptOf } from "../plan/plan.ts";
import {
  endedAt,
  instancesOf,
  isEnding,
  podEvent,
  sandboxOf,
  type PodRun,
  type Prepared,
  type SpecContainer,
} from "../pod.ts";
import { nameProcess } from "../node/host-name.ts";
import {
  isNameTaken,
  RuntimeFailure,
  type ContainerSpec,
  type ImageInfo,
  type RuntimeContainer,
} from "../runtime/runtime.ts";
import { watchHealth } from "./health.ts";
import { runHook } from "./hooks.ts";
import { isStartOverAsked } from "./restart-all.ts";

/** How long after a failure to make a container it is tried again. */
const RETRY_MS = 10_000;

/** The number of the instance to be made. */
export function nextAttempt(run: PodRun, name: string): number {
  const [newest] = instancesOf(run, name);
  if (newest) return newest.state === "created" ? attemptOf(newest) : attemptOf(newest) + 1;
  const { initContainerStatuses = [], containerStatuses = [] } = run.pod.status ?? {};
  const before = [...initContainerStatuses, ...containerStatuses].find((s) => s.name === name);
  return before?.containerID ? before.restartCount + 1 : 0;
}

/** Nothing is told of a container before the pod's volumes are there: who reads the events looks for what holds it up. */
function tellOf(
  run: PodRun,
  container: SpecContainer,
): (type: "Normal" | "Warning", reason: string, message: string) => void {
  return (type, reason, message) => {
    const tell = (): void => podEvent(run, type, reason, message, container);
    run.held.push(tell);
    if (run.volumesOf !== undefined && run.volumesOf === sandboxOf(run)?.id) tellHeld(run);
  };
}

/** Tells what was held back. */
export function tellHeld(run: PodRun): void {
  for (const tell of run.held.splice(0)) tell();
}

function askImage(run: PodRun, container: SpecContainer, attempt: number): Promise<ImageAnswer> {
  const { ctx, pod } = run;
  return ctx.images.ensure({
    pod,
    container: container.spec,
    attempt,
    credentials: () => pullCredentials(run, container.spec.image ?? ""),
    event: tellOf(run, container),
    wake: run.wake,
  });
}

/** Creates it; a container of that name which an earlier life of the kubelet left is removed first. */
async function create(run: PodRun, spec: ContainerSpec): Promise<string> {
  const { runtime } = run.ctx;
  try {
    return await runtime.createContainer(spec);
  } catch (error) {
    if (!isNameTaken(error)) throw error;
    await runtime.remove(spec.name);
    return runtime.createContainer(spec);
  }
}

function fail(run: PodRun, container: SpecContainer, reason: string, error: Error): undefined {
  run.waiting.set(container.spec.name, { reason, message: error.message });
  run.retryAt.set(container.spec.name, run.ctx.steady() + RETRY_MS);
  tellOf(run, container)("Warning", "Failed", `Error: ${error.message}`);
  return undefined;
}

async function make(
  run: PodRun,
  container: SpecContainer,
  image: ImageInfo,
  attempt: number,
): Promise<Prepared | undefined> {
  const sandbox = sandboxOf(run);
  if (!sandbox) return undefined;
  let spec: ContainerSpec;
  try {
    spec = await buildContainer({ run, container, attempt, sandbox, image });
  } catch (error) {
    const reason = error instanceof ConfigError ? "CreateContainerConfigError" : "CreateContainerError";
    return fail(run, container, reason, error as Error);
  }
  try {
    const id = await create(run, spec);
    tellOf(run, container)("Normal", "Created", "Container created");
    return { id, attempt };
  } catch (error) {
    // Somebody removed the image since it was looked at.
    if (error instanceof RuntimeFailure && /No such image/i.test(error.message)) run.ctx.images.invalidate();
    return fail(run, container, "CreateContainerError", error as Error);
  }
}

/** Makes the container unless it is made, without starting it. Undefined: it cannot be made yet, and `waiting` says why. */
export function prepareContainer(run: PodRun, container: SpecContainer): Promise<Prepared | undefined> {
  const { name } = container.spec;
  const attempt = nextAttempt(run, name);
  const key = `${name}/${attempt}/${sandboxOf(run)?.id ?? ""}`;
  const known = run.prepared.get(key);
  if (known) return known;
  const work = async (): Promise<Prepared | undefined> => {
    const answer = await askImage(run, container, attempt);
    if (answer.kind === "pulling") {
      if (run.waiting.get(name)?.reason === "ErrImagePull") return undefined;
      run.waiting.delete(name);
      return undefined;
    }
    if (answer.kind === "waiting") {
      run.waiting.set(name, answer.waiting);
      if (answer.until !== undefined) run.retryAt.set(name, answer.until);
      return undefined;
    }
    return make(run, container, answer.image, attempt);
  };
  const made = work();
  run.prepared.set(key, made);
  // Only what was made is kept: everything else, a failure too, is asked for anew.
  const forget = (): void => {
    if (run.prepared.get(key) === made) run.prepared.delete(key);
  };
  made.then((prepared) => prepared ?? forget(), forget);
  return made;
}

/** What was made of it is used up. What was made of the others is yet to be started. */
function forgetPrepared(run: PodRun, name: string): void {
  for (const key of run.prepared.keys()) if (key.startsWith(`${name}/`)) run.prepared.delete(key);
}

/** Starts a container of the pod, as far as it can be started now. */
export async function startContainer(run: PodRun, container: SpecContainer): Promise<void> {
  const { ctx } = run;
  const { name } = container.spec;
  if ((run.retryAt.get(name) ?? 0) > ctx.steady()) return;
  run.retryAt.delete(name);
  const [newest] = instancesOf(run, name);
  const prepared = await prepareContainer(run, container);
  // Meanwhile another may have ended that wants all of them started over.
  if (!prepared || isEnding(run) || isStartOverAsked(run)) return;
  if (newest?.state === "exited") ctx.restarts.next(restartKey(run, container), endedAt(run, newest));
  run.started.add(prepared.id);
  try {
    await ctx.runtime.start(prepared.id);
  } catch (error) {
    forgetPrepared(run, name);
    startedContainersErrors.inc({ container_type: containerType(container.kind), code: "RunContainerError" });
    await ctx.engine.refresh(prepared.id);
    run.waiting.set(name, { reason: "RunContainerError", message: (error as Error).message });
    podEvent(run, "Warning", "Failed", `Error: ${(error as Error).message}`, container);
    // A container whose start failed counts as one that ended, and is restarted by the same rules.
    if (run.instances.get(prepared.id)?.state === "created") await ctx.runtime.remove(prepared.id);
    return;
  }
  forgetPrepared(run, name);
  run.waiting.delete(name);
  startedContainers.inc({ container_type: containerType(container.kind) });
  podEvent(run, "Normal", "Started", "Container started", container);
  const instance = await ctx.engine.refresh(prepared.id);
  if (!instance) return;
  await nameAfterNode(run, instance);
  watchHealth(run, container, instance);
  const health = run.health.get(prepared.id);
  if (health && container.spec.lifecycle?.postStart) {
    health.hook = "running";
    run.tasks.start(`postStart/${prepared.id}`, async () => {
      const failure = await runHook(run, container, prepared.id, "postStart", run.ending.signal);
      health.hook = failure ? "failed" : "done";
      if (failure) {
        health.condemned = { message: `FailedPostStartHook` };
        run.waiting.set(name, { reason: "PostStartHookError", message: failure.message });
      }
      run.publish();
    });
  }
  run.publish();
}

/** A container in the node's network sees the node's name. One that has ended already needs none. */
async function nameAfterNode({ pod, ctx }: PodRun, { id, state, pid }: RuntimeContainer): Promise<void> {
  if (!pod.spec?.hostNetwork || ctx.node.containerId === undefined || state !== "running") return;
  try {
    await nameProcess(pid, ctx.node.name);
  } catch (error) {
    if ((await ctx.engine.refresh(id))?.state === "running")
      ctx.log.warn({ err: error, pod: pod.metadata.name }, "a container has no host name of the node");
  }
}

/** Restarts are counted per container and image. */
export const restartKey = (run: PodRun, { spec }: SpecContainer): string =>
  `${podUid(run.pod)}/${spec.name}/${specHash(spec)}`;
