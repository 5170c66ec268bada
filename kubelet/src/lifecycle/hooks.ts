/** postStart and preStop. */
import { setTimeout as sleep } from "node:timers/promises";
import type { LifecycleHandler } from "@coracle/shared/api/generated/core-v1.ts";
import { podIPs } from "../container/build.ts";
import { podEvent, type PodRun, type SpecContainer } from "../pod.ts";
import { runProbe } from "../probes/probe.ts";
import { runCommand } from "./run-command.ts";

export interface HookFailure {
  readonly message: string;
}

/** No hook has a time limit of its own; the caller's signal is one. */
const UNLIMITED_SECONDS = 86_400;

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
  const { httpGet, tcpSocket } = handler;
  const target = { containerId: id, podAddress: podIPs(run)[0] ?? "", container: container.spec };
  const probe = {
    ...(httpGet ? { httpGet } : {}),
    ...(tcpSocket ? { tcpSocket } : {}),
    timeoutSeconds: UNLIMITED_SECONDS,
  };
  const result = await runProbe(probe, target, run.ctx.runtime, signal);
  signal.throwIfAborted();
  // An HTTP hook succeeds when it is delivered, whatever the answer says.
  const delivered = result.outcome === "success" || /statuscode/.test(result.message);
  return delivered ? undefined : { message: result.message };
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
    if (failure) report(run, container, which, failure.message);
    return failure;
  } catch (error) {
    if (signal.aborted && which === "preStop") return { message: "the grace period is over" };
    const message = (error as Error).message;
    report(run, container, which, message);
    return { message };
  }
}

function report(
  run: PodRun,
  container: SpecContainer,
  which: "postStart" | "preStop",
  message: string,
): void {
  const reason = which === "postStart" ? "FailedPostStartHook" : "FailedPreStopHook";
  podEvent(
    run,
    "Warning",
    reason,
    `${which === "postStart" ? "PostStartHook" : "PreStopHook"} failed: ${message}`,
    container,
  );
}
