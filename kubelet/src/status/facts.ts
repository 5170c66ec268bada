/** A pod's state as the status is derived from it. */
import type {
  Container,
  ContainerStatus,
  PodCondition,
  PodStatus,
} from "@coracle/shared/api/generated/core-v1.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import { LABEL } from "../container/names.ts";
import { disruptionCondition } from "../eviction/end-pod.ts";
import { isStartingOver } from "../lifecycle/restart-all.ts";
import { appliedResources } from "../steps/resize.ts";
import { givenToPod } from "../steps/resize-pod.ts";
import { podIPs } from "../container/build.ts";
import { containersOf, instancesOf, isEnding, sandboxOf, type PodRun, type SpecContainer } from "../pod.ts";
import { restartPolicyFor, type Waiting } from "../plan/plan.ts";
import type { ContainerFacts } from "./container-status.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { podStatus } from "./pod-status.ts";

/** As an engine names an image: by the registry's digest where there is one. */
function digestOf(run: PodRun, imageId: string): string {
  const digest = run.ctx.images.known(imageId)?.digests[0];
  return digest ? `docker-pullable://${digest}` : `docker://${imageId}`;
}

const statusBefore = (run: PodRun, name: string): ContainerStatus | undefined => {
  const {
    initContainerStatuses = [],
    containerStatuses = [],
    ephemeralContainerStatuses = [],
  } = run.pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find(
    (s) => s.name === name,
  );
};

/** What a running instance has, and what is set aside for it. */
function givenTo(
  run: PodRun,
  instance: RuntimeContainer,
  spec: Container,
): Pick<ContainerFacts, "resources" | "allocated"> {
  const resources = appliedResources(run, instance);
  const begun = run.resize?.type === "PodResizeInProgress";
  return { resources, allocated: begun ? (spec.resources ?? {}) : resources };
}

/** Its back-off is over and it is being started: until it runs it waits as before. */
function backedOff(run: PodRun, name: string): Waiting | undefined {
  if (!run.plan?.start.some((spec) => spec.name === name)) return undefined;
  const { initContainerStatuses = [], containerStatuses = [] } = run.ctx.statuses.current(run.uid) ?? {};
  const { waiting } =
    [...initContainerStatuses, ...containerStatuses].find((s) => s.name === name)?.state ?? {};
  return waiting?.reason === "CrashLoopBackOff"
    ? { reason: waiting.reason, message: waiting.message ?? "" }
    : undefined;
}

/** What has ended for good waits for nothing, whatever the start or the hook that failed had to say. */
const isOver = (run: PodRun, { spec, kind }: SpecContainer, { exitCode }: RuntimeContainer): boolean =>
  isEnding(run) ||
  (!isStartingOver(run) && (kind === "ephemeral" || !restartPolicyFor(run.pod, spec, exitCode)));

/** What is known of one container. */
export function factsOf(run: PodRun, container: SpecContainer): ContainerFacts {
  const { spec, kind } = container;
  const instances = instancesOf(run, spec.name);
  const [newest, previous] = instances;
  const health = newest && run.health.get(newest.id);
  // A container that is made but not started is still the one before it to the world.
  const shown = newest?.state === "created" ? previous : newest;
  return {
    spec,
    kind,
    newest: shown,
    previous: newest?.state === "created" ? instances[2] : previous,
    started: health ? health.started && health.hook !== "running" && health.hook !== "failed" : false,
    ready: health?.ready ?? false,
    waiting:
      shown?.state === "running" || (shown?.state === "exited" && isOver(run, container, shown))
        ? undefined
        : (run.plan?.waiting.get(spec.name) ?? run.waiting.get(spec.name) ?? backedOff(run, spec.name)),
    user: shown && run.users.get(shown.id),
    messageOf: (id) => run.messages.get(id),
    imageDigest: shown && digestOf(run, shown.imageId),
    ...(shown?.state === "running" && shown.labels[LABEL.resources] !== undefined
      ? givenTo(run, shown, spec)
      : {}),
    before: statusBefore(run, spec.name),
  };
}

/** Set when the node ended the pod: it was not the pod's own doing. */
function disruption(run: PodRun): PodCondition[] {
  const verdict = run.stop?.verdict;
  if (!verdict?.disruption) return [];
  const shown = run.ctx.statuses.current(run.uid) ?? run.pod.status;
  const existing = shown?.conditions?.find((c) => c.type === "DisruptionTarget");
  return [existing ?? disruptionCondition(run.pod, verdict.message, run.ctx.now())];
}

/** Shown as long as the pod is started over. */
const restarting = (run: PodRun, previous: PodStatus | undefined): PodCondition => {
  const type = "AllContainersRestarting";
  const { generation } = run.pod.metadata;
  return {
    type,
    status: "True",
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime:
      previous?.conditions?.find((c) => c.type === type)?.lastTransitionTime ?? formatTime(run.ctx.now()),
  };
};

/** The status the pod has now. */
export function statusOf(run: PodRun): PodStatus {
  const { ctx } = run;
  const sandbox = sandboxOf(run);
  // Upstream's sandbox comes after the volumes; ours holds them, and counts only with them.
  const up =
    sandbox?.state === "running" &&
    run.volumesOf === sandbox.id &&
    (run.pod.spec?.hostNetwork === true || run.plugged === sandbox.id);
  const previous = ctx.statuses.current(run.uid) ?? run.pod.status;
  const ips = podIPs(run);
  const startingOver = isStartingOver(run);
  return podStatus({
    pod: run.pod,
    previous,
    containers: containersOf(run.pod).map((container) => factsOf(run, container)),
    sandboxReady: up,
    // A pod that has ended keeps the address it had.
    podIPs: up ? ips : (previous?.podIPs ?? []).flatMap(({ ip }) => (ip ? [ip] : [])),
    hostIPs: ctx.node.hostIPs,
    startTime: run.startedAt,
    whole: run.pod.spec?.resources && {
      resources: givenToPod(run),
      allocated: (run.resize?.type === "PodResizePending" ? givenToPod(run) : run.pod.spec.resources)
        ?.requests,
    },
    verdict: run.stop?.verdict,
    ending: isEnding(run) || run.over,
    holdsDevices: ctx.devices.holds(run.uid),
    startingOver,
    extra: [
      ...disruption(run),
      ...(run.resize ? [run.resize] : []),
      ...(startingOver ? [restarting(run, previous)] : []),
    ],
    now: ctx.now(),
  });
}
