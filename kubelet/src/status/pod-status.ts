/** A pod's status from the state of its containers. Pure; the rules and texts are upstream's. */
import type {
  Container,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from "@coracle/shared/api/generated/core-v1.ts";
import { isSidecar, podQosClass } from "@coracle/shared/meta/pods.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import { restartPolicyFor } from "../plan/plan.ts";
import type { Verdict } from "../pod.ts";
import { containerStatus, type ContainerFacts } from "./container-status.ts";
import { conditionsOf } from "./conditions.ts";

export interface StatusInput {
  readonly pod: Pod;
  /** The status last written or read. */
  readonly previous: PodStatus | undefined;
  readonly containers: readonly ContainerFacts[];
  /** The sandbox runs and has its network. */
  readonly sandboxReady: boolean;
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
  readonly startTime: number;
  /** What the pod as a whole has, where it asks for something, and what of it is set aside. */
  readonly whole?:
    | { readonly resources: Container["resources"]; readonly allocated: PodStatus["allocatedResources"] }
    | undefined;
  /** The pod failed as a whole: refused, evicted, out of time. */
  readonly verdict?: Verdict | undefined;
  /** It is being ended: what has stopped is not started again. */
  readonly ending: boolean;
  /** It has devices that are to be given back: until then it has not ended for the cluster, which would give them to others. */
  readonly holdsDevices?: boolean | undefined;
  /** All of its containers are started over: none of their ends is the pod's. */
  readonly startingOver?: boolean | undefined;
  /** Conditions of the kubelet's own besides the usual: DisruptionTarget. */
  readonly extra?: readonly PodCondition[] | undefined;
  readonly now: number;
}

type Phase = "Pending" | "Running" | "Succeeded" | "Failed";

/** Where the init containers are: all done, one failed for good, or still at it. */
function initState(pod: Pod, statuses: readonly ContainerStatus[]): "done" | "failed" | "pending" {
  for (const spec of pod.spec?.initContainers ?? []) {
    const status = statuses.find((s) => s.name === spec.name);
    if (isSidecar(spec)) {
      if (!status?.started && !status?.state?.terminated) return "pending";
      continue;
    }
    const end = status?.state?.terminated ?? (status?.state?.waiting && status.lastState?.terminated);
    if (status?.state?.terminated && end?.exitCode === 0) continue;
    const retried = !end || end.exitCode === 0 || restartPolicyFor(pod, spec, end.exitCode);
    return retried ? "pending" : "failed";
  }
  return "done";
}

/** The phase by the states of the main containers, and of init containers before them. */
export function podPhase(
  pod: Pod,
  init: readonly ContainerStatus[],
  main: readonly ContainerStatus[],
  ending: boolean,
): Phase {
  const began = main.some((s) => s.state?.running ?? s.state?.terminated ?? s.lastState?.terminated);
  const preparation = began ? "done" : initState(pod, init);
  if (preparation === "failed") return "Failed";
  if (preparation === "pending" && !(ending && init.every((s) => !s.state?.running))) return "Pending";
  let [running, waiting, restarting, succeeded] = [0, 0, 0, 0];
  for (const { name, state, lastState } of main) {
    const spec = pod.spec?.containers.find((c) => c.name === name);
    if (state?.running) running += 1;
    else if (state?.terminated) {
      const { exitCode } = state.terminated;
      if (exitCode === 0) succeeded += 1;
      if (spec && restartPolicyFor(pod, spec, exitCode)) restarting += 1;
    } else if (lastState?.terminated) restarting += 1;
    else waiting += 1;
  }
  if (ending && running === 0 && init.every((s) => !s.state?.running))
    return main.length > 0 && succeeded === main.length ? "Succeeded" : "Failed";
  if (waiting > 0) return "Pending";
  // Sidecars end after the rest, and the pod with them.
  if (running > 0 || init.some((s) => s.state?.running)) return "Running";
  if (restarting > 0) return "Running";
  return succeeded === main.length ? "Succeeded" : "Failed";
}

/** A pod that has ended stays ended. */
const settledPhase = (previous: PodStatus | undefined): "Succeeded" | "Failed" | undefined =>
  previous?.phase === "Succeeded" || previous?.phase === "Failed" ? previous.phase : undefined;

const ongoing = (previous: PodStatus | undefined): "Running" | "Pending" =>
  previous?.phase === "Running" ? "Running" : "Pending";

const wasRefused = ({ verdict, previous }: StatusInput): boolean =>
  verdict?.refused === true ||
  (settledPhase(previous) === "Failed" && (previous?.containerStatuses ?? []).length === 0);

/** Why the pod failed as a whole, once it has; what an earlier life of the kubelet said of that stays. */
function whyOf({ verdict, previous }: StatusInput, phase: Phase): { reason?: string; message?: string } {
  if (verdict && phase === "Failed") return { reason: verdict.reason, message: verdict.message };
  if (settledPhase(previous) === undefined) return {};
  const { reason, message } = previous ?? {};
  return { ...(reason ? { reason } : {}), ...(message ? { message } : {}) };
}

/** Of a refused pod there is nothing to tell but why: it has no containers, and no conditions of this node. */
const refusedStatus = (input: StatusInput): PodStatus => ({
  ...generationOf(input.pod),
  phase: "Failed",
  conditions: input.previous?.conditions ?? [],
  ...whyOf(input, "Failed"),
  startTime: input.previous?.startTime ?? formatTime(input.startTime),
  qosClass: input.previous?.qosClass ?? podQosClass(input.pod),
});

const generationOf = ({ metadata: { generation } }: Pod): { observedGeneration?: number } =>
  generation === undefined ? {} : { observedGeneration: generation };

const LOST: ContainerStatus["state"] = {
  terminated: {
    exitCode: 137,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located when the pod was terminated",
  },
};
const withEnd = (status: ContainerStatus): ContainerStatus =>
  status.state?.terminated ? status : { ...status, state: LOST };

/**
 * Of a pod that has ended, every container has an end, whether it ever ran or not. Only those keep waiting that were not due yet:
 * init containers after the last one that was begun, and all that wait for init containers.
 */
function withEnds(init: ContainerStatus[], main: ContainerStatus[]): [ContainerStatus[], ContainerStatus[]] {
  const hasBegun = ({ state, lastState }: ContainerStatus): boolean =>
    (state?.running ?? state?.terminated ?? lastState?.terminated) !== undefined;
  const begun = init.findLastIndex(hasBegun) + 1;
  const initialized = begun === init.length && (init.at(-1)?.state?.terminated?.exitCode ?? 0) === 0;
  return [
    init.map((status, i) => (i < begun ? withEnd(status) : status)),
    initialized || main.some(hasBegun) ? main.map(withEnd) : main,
  ];
}

/** The whole status a kubelet reports. */
export function podStatus(input: StatusInput): PodStatus {
  if (wasRefused(input)) return refusedStatus(input);
  const { pod, previous, verdict } = input;
  const initializing =
    (pod.spec?.initContainers?.length ?? 0) > 0 &&
    !input.containers.some((c) => c.kind === "main" && c.newest !== undefined);
  const of = (...kinds: ContainerFacts["kind"][]): ContainerStatus[] =>
    input.containers.filter((c) => kinds.includes(c.kind)).map((c) => containerStatus(c, initializing));
  let init = of("init", "sidecar");
  let main = of("main");
  const ephemeral = of("ephemeral");
  const settled = settledPhase(previous);
  const own: Phase =
    settled !== undefined
      ? settled
      : verdict && !input.containers.some((c) => c.newest?.state === "running")
        ? "Failed"
        : input.startingOver && !input.ending
          ? ongoing(previous)
          : podPhase(pod, init, main, input.ending);
  const held = input.holdsDevices && settled === undefined && (own === "Failed" || own === "Succeeded");
  const phase = held ? ongoing(previous) : own;
  if (input.ending && (phase === "Failed" || phase === "Succeeded")) [init, main] = withEnds(init, main);
  const { podIPs, hostIPs } = input;
  return {
    ...generationOf(pod),
    phase,
    conditions: conditionsOf(input, { phase, init, main }),
    ...whyOf(input, phase),
    ...(hostIPs[0] ? { hostIP: hostIPs[0], hostIPs: hostIPs.map((ip) => ({ ip })) } : {}),
    ...(podIPs[0] ? { podIP: podIPs[0], podIPs: podIPs.map((ip) => ({ ip })) } : {}),
    startTime: previous?.startTime ?? formatTime(input.startTime),
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: main,
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
    ...(input.whole?.allocated ? { allocatedResources: input.whole.allocated } : {}),
    ...(input.whole?.resources ? { resources: input.whole.resources } : {}),
    qosClass: previous?.qosClass ?? podQosClass(pod),
  };
}
