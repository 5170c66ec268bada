/** One pod on this node: its spec, what is known of its containers, and what it waits for. */
import type { Container, ContainerStatus, Pod, PodCondition } from "@coracle/shared/api/generated/core-v1.ts";
import { isSidecar } from "@coracle/shared/meta/pods.ts";
import { LABEL } from "./container/names.ts";
import type { KubeletContext } from "./context.ts";
import { attemptOf, type Plan, type Waiting } from "./plan/plan.ts";
import type { RuntimeContainer } from "./runtime/runtime.ts";
import type { ContainerKind } from "./status/container-status.ts";
import { createTasks, type Tasks } from "./tasks.ts";
import type { VolumePlan } from "./volumes/volume.ts";

/** The pod is to end. */
export interface StopOrder {
  /** When the grace is over, on the steady clock. Comes nearer when the pod is deleted again with less. */
  deadline: number;
  /** Not even a preStop hook may take time. */
  immediate: boolean;
  /** Why, where it is the node's decision: the pod then is Failed. */
  readonly verdict?: Verdict | undefined;
}

export interface Verdict {
  readonly reason: string;
  readonly message: string;
  /** The pod itself is not to blame: workload controllers are told by a DisruptionTarget condition. */
  readonly disruption?: boolean | undefined;
  /** Admission refused it: nothing of it was ever begun. */
  readonly refused?: boolean | undefined;
}

export interface MountedVolume {
  readonly plan: VolumePlan;
  /** Where a path-backed volume is. */
  readonly path?: { readonly here: string; readonly engine: string } | undefined;
  /** Of what was last written. */
  digest?: string | undefined;
}

/** What probes and hooks have said of one instance of a container. */
export interface Health {
  started: boolean;
  ready: boolean;
  condemned: { readonly message: string; readonly graceSeconds?: number | undefined } | undefined;
  hook: "none" | "running" | "done" | "failed";
  readonly stop: () => void;
  readonly stopKilling: () => void;
}

export interface PodRun {
  readonly uid: string;
  readonly source: "api" | "static" | "orphan";
  pod: Pod;
  /** The API has no such pod any more. */
  gone: boolean;
  stop: StopOrder | undefined;
  /** Its containers have all ended for good. */
  over: boolean;
  /** Admission has looked at it. */
  admitted: boolean;
  /** When this node took it, by the wall clock, and the same moment on the steady one. */
  readonly startedAt: number;
  readonly activeSince: number;
  readonly ctx: KubeletContext;
  readonly tasks: Tasks;
  /** Aborts when the pod is to end: nothing new is begun then. */
  readonly ending: AbortController;
  /** Every instance seen, removed ones too: the status outlives the containers. */
  readonly instances: Map<string, RuntimeContainer>;
  readonly removed: Set<string>;
  readonly messages: Map<string, string>;
  /** Whom instances run as, as they were when they began. */
  readonly users: Map<string, NonNullable<ContainerStatus["user"]>>;
  readonly health: Map<string, Health>;
  readonly waiting: Map<string, Waiting>;
  /** Containers that failed to be made, and when to try again. */
  readonly retryAt: Map<string, number>;
  readonly prepared: Map<string, Promise<Prepared | undefined>>;
  /** Events of containers that were made ahead of their volumes: told when those are there. */
  readonly held: (() => void)[];
  readonly volumes: Map<string, MountedVolume>;
  /** Containers and sandboxes that this kubelet has started, as against those it found. */
  readonly started: Set<string>;
  address: string | undefined;
  plugged: string | undefined;
  volumesOf: string | undefined;
  /** Its claims' devices are prepared. */
  devicesReady: boolean;
  plan: Plan | undefined;
  /** The condition of a resize that is not done yet. */
  resize: PodCondition | undefined;
  /** What the pod as a whole was given; undefined when this life of the kubelet has not looked yet. */
  given: Container["resources"];
  /** What instances were given since they were made. */
  readonly resized: Map<string, NonNullable<Container["resources"]>>;
  /** Called whenever an instance or the order to stop changed. */
  readonly changes: Set<() => void>;
  /** Instances from before the pod was started over in place. */
  readonly startedOver: Set<string>;
  /** When instances ended, on the steady clock. */
  readonly endedAt: Map<string, number>;
  /** When the worker should look again without being asked, on the steady clock. */
  wakeAt: number | undefined;
  readonly wake: () => void;
  readonly publish: () => void;
}

/** A container made ahead of its start. */
export interface Prepared {
  readonly id: string;
  readonly attempt: number;
}

export interface PodRunOptions {
  readonly pod: Pod;
  readonly source: PodRun["source"];
  readonly ctx: KubeletContext;
  readonly wake: () => void;
  readonly publish: () => void;
}

export function createPodRun({ pod, source, ctx, wake, publish }: PodRunOptions): PodRun {
  const uid = pod.metadata.uid ?? "";
  const startedAt = pod.status?.startTime ? Date.parse(pod.status.startTime) : ctx.now();
  return {
    uid,
    source,
    pod,
    gone: source === "orphan",
    stop: undefined,
    over: false,
    admitted: false,
    startedAt,
    activeSince: steadyTime(ctx, startedAt),
    ctx,
    tasks: createTasks(wake, (task, error) =>
      ctx.log.error(
        { err: error, task, pod: pod.metadata.name, namespace: pod.metadata.namespace },
        "a pod's task failed",
      ),
    ),
    ending: new AbortController(),
    instances: new Map(),
    removed: new Set(),
    messages: new Map(),
    users: new Map(),
    health: new Map(),
    waiting: new Map(),
    retryAt: new Map(),
    prepared: new Map(),
    held: [],
    volumes: new Map(),
    started: new Set(),
    address: undefined,
    plugged: undefined,
    volumesOf: undefined,
    devicesReady: false,
    plan: undefined,
    resize: undefined,
    given: undefined,
    resized: new Map(),
    changes: new Set(),
    startedOver: new Set(),
    endedAt: new Map(),
    wakeAt: undefined,
    wake,
    publish,
  };
}

const isSandbox = (c: RuntimeContainer): boolean => c.labels[LABEL.type] === "sandbox";
const byAttempt = (a: RuntimeContainer, b: RuntimeContainer): number =>
  attemptOf(b) - attemptOf(a) || b.createdAt - a.createdAt;

/** The newest sandbox that still exists. */
export const sandboxOf = (run: PodRun): RuntimeContainer | undefined =>
  [...run.instances.values()].filter((c) => isSandbox(c) && !run.removed.has(c.id)).toSorted(byAttempt)[0];
export const sandboxesOf = (run: PodRun): RuntimeContainer[] =>
  [...run.instances.values()].filter((c) => isSandbox(c) && !run.removed.has(c.id));

/** Instances of a container, the newest first. */
export const instancesOf = (run: PodRun, name: string): RuntimeContainer[] =>
  [...run.instances.values()]
    .filter((c) => !isSandbox(c) && c.labels[LABEL.container] === name)
    .toSorted(byAttempt);
export const allInstances = (run: PodRun): RuntimeContainer[] =>
  [...run.instances.values()].filter((c) => !isSandbox(c));
/** Those that the engine still has. */
export const existing = (run: PodRun): RuntimeContainer[] =>
  allInstances(run).filter((c) => !run.removed.has(c.id));
export const runningInstances = (run: PodRun): RuntimeContainer[] =>
  existing(run).filter((c) => c.state === "running");

export interface SpecContainer {
  readonly spec: Container;
  readonly kind: ContainerKind;
}

/** The spec's containers in the order they start. */
export function containersOf(pod: Pod): SpecContainer[] {
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec ?? { containers: [] };
  return [
    ...initContainers.map((spec) => ({
      spec,
      kind: isSidecar(spec) ? ("sidecar" as const) : ("init" as const),
    })),
    ...containers.map((spec) => ({ spec, kind: "main" as const })),
    ...ephemeralContainers.map((spec) => ({ spec: spec as Container, kind: "ephemeral" as const })),
  ];
}

/** Tells whoever waits that an instance or the order to stop changed. */
export function notifyChange(run: PodRun): void {
  for (const listener of run.changes) listener();
}

/** A moment of the engine's clock on the steady one. One in the future, by a clock that was set back, counts as now. */
export const steadyTime = (ctx: KubeletContext, wallMs: number | undefined): number =>
  ctx.steady() - Math.max(0, ctx.now() - (wallMs ?? ctx.now()));

/** When an instance ended, on the steady clock; the same answer however the wall clock is set later. */
export function endedAt(run: PodRun, instance: RuntimeContainer): number {
  const known = run.endedAt.get(instance.id) ?? steadyTime(run.ctx, instance.finishedAt);
  run.endedAt.set(instance.id, known);
  return known;
}

/** The pod must not run (any more). */
export const isEnding = (run: PodRun): boolean => run.stop !== undefined || run.gone;

/** It counts against what the node has: it was admitted before, or runs already, and is not at its end. */
export const holdsItsPlace = (run: PodRun): boolean =>
  !run.gone &&
  (run.admitted || existing(run).length > 0 || sandboxesOf(run).length > 0) &&
  !(isEnding(run) && runningInstances(run).length === 0);

/** Records an event about the pod, or about one of its containers. */
export function podEvent(
  run: PodRun,
  type: "Normal" | "Warning",
  reason: string,
  message: string,
  container?: SpecContainer,
): void {
  if (run.source === "orphan") return;
  const list = {
    init: "initContainers",
    sidecar: "initContainers",
    main: "containers",
    ephemeral: "ephemeralContainers",
  };
  const fieldPath = container ? `spec.${list[container.kind]}{${container.spec.name}}` : undefined;
  const subject = { apiVersion: "v1", kind: "Pod", metadata: run.pod.metadata };
  run.ctx.events.record(subject, type, reason, message, fieldPath ? { fieldPath } : undefined);
}

/** A volume cannot be had now. */
export const failedMount = (run: PodRun, volume: string, why: string): void =>
  podEvent(run, "Warning", "FailedMount", `MountVolume.SetUp failed for volume "${volume}" : ${why}`);
