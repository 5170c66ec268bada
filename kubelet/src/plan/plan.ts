/** What to do next with a pod's containers. Pure: the state in, the actions out; whatever takes time is part of the state. */
import type { Container, ContainerRestartRule, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isSidecar } from "@coracle/shared/meta/pods.ts";
import { LABEL, podFullName } from "../container/names.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";

export interface Waiting {
  readonly reason: string;
  readonly message: string;
}

/** A container of the spec and what is known of it. */
export interface ContainerView {
  readonly spec: Container;
  /** Its newest instance, in whatever sandbox. */
  readonly newest: RuntimeContainer | undefined;
  /** That instance lives in the current sandbox, and since the pod was last started over. */
  readonly current: boolean;
  /** The pod is started over, and this container with it, however its last instance ended. */
  readonly renewed?: boolean | undefined;
  /** Runs, its startup probe has succeeded and its postStart hook is done. */
  readonly started: boolean;
  /** A probe or a changed spec asks for its end. */
  readonly condemned?: { readonly message: string; readonly graceSeconds?: number | undefined } | undefined;
  /** Its restart is not due before this time, and what the back-off is. */
  readonly backoff?: { readonly until: number; readonly ms: number } | undefined;
}

export interface PlanInput {
  readonly pod: Pod;
  readonly init: readonly ContainerView[];
  readonly main: readonly ContainerView[];
  readonly ephemeral: readonly ContainerView[];
  readonly now: number;
}

export interface Kill {
  readonly id: string;
  readonly container: string;
  readonly message: string;
  readonly graceSeconds?: number | undefined;
}

export interface Plan {
  /** In order of the spec. */
  readonly start: readonly Container[];
  readonly kill: readonly Kill[];
  /** Why a container that should run does not. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** When a back-off ends. */
  readonly wakeAt: number | undefined;
  /** Nothing runs and nothing is to be started any more; sidecars are to be ended. */
  readonly over: boolean;
}

type Policy = "Always" | "OnFailure" | "Never";
const policyOf = (pod: Pod): Policy => (pod.spec?.restartPolicy ?? "Always") as Policy;

/** The first of the container's rules that speaks of this exit code. Sidecars have none. */
export const ruleFor = (container: Container, exitCode: number): ContainerRestartRule | undefined =>
  (container.restartPolicyRules ?? []).find(({ exitCodes }) => {
    const within = (exitCodes?.values ?? []).includes(exitCode);
    return exitCodes?.operator === "NotIn" ? !within : within;
  });

/** The container's own policy and exit code rules come before the pod's; either action of a rule has it run again. */
export function restartPolicyFor(pod: Pod, container: Container, exitCode: number): boolean {
  if (ruleFor(container, exitCode)) return true;
  const policy = (container.restartPolicy ?? policyOf(pod)) as Policy;
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

const exited = (view: ContainerView): boolean => view.newest?.state === "exited";
const running = (view: ContainerView): boolean => view.newest?.state === "running";
const succeeded = (view: ContainerView): boolean => exited(view) && view.newest?.exitCode === 0;

/** It is to be started, now or after its back-off. */
function wantsStart(pod: Pod, view: ContainerView): boolean {
  if (!view.newest || view.newest.state === "created" || view.renewed) return true;
  return exited(view) && restartPolicyFor(pod, view.spec, view.newest.exitCode);
}

const seconds = (ms: number): string => {
  const total = Math.round(ms / 1000);
  const minutes = Math.floor(total / 60);
  return minutes > 0 ? `${minutes}m${total % 60}s` : `${total}s`;
};

/** Decides for all containers of a pod whose sandbox is up. */
export function planContainers(input: PlanInput): Plan {
  const { pod, now } = input;
  const start: Container[] = [];
  const kill: Kill[] = [];
  const waiting = new Map<string, Waiting>();
  let wakeAt: number | undefined;

  const startOrWait = (view: ContainerView): void => {
    if (view.newest && exited(view) && view.backoff && view.backoff.until > now) {
      wakeAt = Math.min(wakeAt ?? Infinity, view.backoff.until);
      waiting.set(view.spec.name, {
        reason: "CrashLoopBackOff",
        message: `back-off ${seconds(view.backoff.ms)} restarting failed container=${view.spec.name} pod=${podFullName(pod)}`,
      });
    } else start.push(view.spec);
  };
  const condemn = (view: ContainerView): void => {
    if (!running(view) || !view.newest || !view.condemned) return;
    kill.push({ id: view.newest.id, container: view.spec.name, ...view.condemned });
  };

  const over = planRunning(input, { startOrWait, condemn });
  for (const view of input.ephemeral) if (!view.newest && !over) start.push(view.spec);
  return { start, kill, waiting, wakeAt, over };
}

interface Hands {
  startOrWait(view: ContainerView): void;
  condemn(view: ContainerView): void;
}

/** True when the pod's work is over. */
function planRunning(input: PlanInput, hands: Hands): boolean {
  const { pod } = input;
  const initialized = input.main.some((view) => view.newest && view.current);
  if (initialized && mainsAreOver(input)) return true;
  for (const view of input.init) {
    if (isSidecar(view.spec)) {
      hands.condemn(view);
      if (running(view) && view.current) {
        if (!view.started && !initialized) return false;
      } else {
        hands.startOrWait(view);
        if (!initialized) return false;
      }
      continue;
    }
    if (initialized || (succeeded(view) && view.current)) continue;
    if (running(view) && view.current) {
      hands.condemn(view);
      return false;
    }
    if (view.newest && view.current && exited(view)) {
      if (!initMayRetry(pod, view)) return true;
    }
    hands.startOrWait(view);
    return false;
  }
  for (const view of input.main) {
    hands.condemn(view);
    if (running(view) && view.current) continue;
    if (wantsStart(pod, view)) hands.startOrWait(view);
  }
  return mainsAreOver(input);
}

/** A failed init container is tried again unless it, or the pod, is to be run once only. */
const initMayRetry = (pod: Pod, view: ContainerView): boolean =>
  restartPolicyFor(pod, view.spec, view.newest?.exitCode ?? 1);

const mainsAreOver = ({ pod, main }: PlanInput): boolean =>
  main.length > 0 && main.every((view) => exited(view) && !wantsStart(pod, view));

/** Whether a pod whose sandbox is gone needs a new one: not when everything has ended for good. */
export function needsSandbox(
  pod: Pod,
  init: readonly ContainerView[],
  main: readonly ContainerView[],
): boolean {
  const seen = [...init, ...main].filter((view) => view.newest);
  if (seen.length === 0) return true;
  // What still runs there is to be killed with its sandbox, and then restarted as any that failed.
  const survives = (view: ContainerView): boolean =>
    running(view) ? restartPolicyFor(pod, view.spec, KILLED) : wantsStart(pod, view);
  if (main.some((view) => view.newest)) return main.some(survives);
  const failed = init.find((view) => exited(view) && !succeeded(view) && !isSidecar(view.spec));
  return !failed || initMayRetry(pod, failed);
}

const KILLED = 137;
export const attemptOf = (container: RuntimeContainer): number =>
  Number(container.labels[LABEL.attempt] ?? 0);
