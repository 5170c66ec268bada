/** postStart and preStop. */
import { setTimeout as sleep } from "node:timers/promises";
import type { LifecycleHandler } from "@coracle/shared/api/generated/core-v1.ts";
import { podIPs } from "../container/build.ts";
import { podEvent, type PodRun, type SpecContainer } from "../pod.ts";
import { deliver } from "./http-hook.ts";
import { runCommand } from "./run-command.ts";

export interface HookFailure {
  readonly message: string;
}

async function perform(
  run: PodRun,
  container: SpecContainer,
  id: string,
  handler: LifecycleHandler,
  signal: AbortSignal,
): Promise<HookFailure | undefined> {
  if (handler.sleep) {
    await sleep(handler.sleep.seconds * 1000, undefined, { signal });
    return undefined;
  }
  if (handler.exec) {
    const command = handler.exec.command ?? [];
    const { exitCode, output } = await runCommand(run.ctx.runtime, id, command, signal);
    return exitCode === 0
      ? undefined
      : { message: `command '${command.join(" ")}' exited with ${exitCode}: ${output}` };
  }
  const { httpGet } = handler;
  // The API takes tcpSocket for the sake of old objects; as a hook it has never worked.
  if (!httpGet) return { message: "invalid handler: only exec, httpGet and sleep can be hooks" };
  const target = { containerId: id, podAddress: podIPs(run)[0] ?? "", container: container.spec };
  const onPlain = (): void => {
    const { host = target.podAddress, port } = httpGet;
    const message = `request to HTTPS lifecycle hook ${host}:${port} got HTTP response, retry with HTTP succeeded`;
    podEvent(run, "Warning", "LifecycleHTTPFallback", message);
  };
  const failure = await deliver({ action: httpGet, target, runtime: run.ctx.runtime, onPlain }, signal);
  return failure === undefined ? undefined : { message: failure };
}

/** Undefined when there was none or it succeeded. */
export async function runHook(
  run: PodRun,
  container: SpecContainer,
  id: string,
  which: "postStart" | "preStop",
  signal: AbortSignal,
): Promise<HookFailure | undefined> {
  const handler = container.spec.lifecycle?.[which];
  if (!handler) return undefined;
  try {
    const failure = await perform(run, container, id, handler, signal);
    if (failure) report(run, container, which);
    return failure;
  } catch (error) {
    if (signal.aborted && which === "preStop") return { message: "the grace period is over" };
    report(run, container, which);
    return { message: (error as Error).message };
  }
}

/** Without what the hook said: a command's output may hold secrets, and events are read by many. */
function report(run: PodRun, container: SpecContainer, which: "postStart" | "preStop"): void {
  if (which === "postStart")
    podEvent(run, "Warning", "FailedPostStartHook", "PostStartHook failed", container);
  else podEvent(run, "Warning", "FailedPreStopHook", "PreStopHook failed", container);
}
