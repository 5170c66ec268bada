/** One container's status from what the engine says of its instances. */
import { constants } from "node:os";
import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
} from "@coracle/shared/api/generated/core-v1.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import { attemptOf, type Waiting } from "../plan/plan.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";

export type ContainerKind = "init" | "sidecar" | "main" | "ephemeral";

export interface ContainerFacts {
  readonly spec: Container;
  readonly kind: ContainerKind;
  readonly newest: RuntimeContainer | undefined;
  readonly previous: RuntimeContainer | undefined;
  /** Startup probe and postStart hook are through. */
  readonly started: boolean;
  /** The readiness probe's word; true without one. */
  readonly ready: boolean;
  /** Whom it runs as, where that is known. */
  readonly user?: ContainerStatus["user"];
  readonly waiting: Waiting | undefined;
  /** What the container left in its termination message file. */
  readonly messageOf: (id: string) => string | undefined;
  /** The image as the engine knows it, for a container that has no instance yet. */
  readonly imageDigest: string | undefined;
  /** What a running instance has been given. */
  readonly resources?: Container["resources"];
  /** What the node has set aside for it: a resize that waits for room is not in it, one under way is. */
  readonly allocated?: Container["resources"];
  /** The status the API had before, for what the engine has forgotten. */
  readonly before: ContainerStatus | undefined;
}

const START_FAILED = 128;
const ENGINE = "docker://";

/** How an ended instance ended. */
export function terminated(c: RuntimeContainer, message: string | undefined): ContainerStateTerminated {
  const neverRan = c.startedAt === undefined && c.error !== "";
  const text = message ?? (neverRan ? c.error : undefined);
  return {
    exitCode: neverRan ? START_FAILED : c.exitCode,
    reason: neverRan ? "StartError" : c.oomKilled ? "OOMKilled" : c.exitCode === 0 ? "Completed" : "Error",
    ...(text ? { message: text } : {}),
    startedAt: formatTime(c.startedAt ?? 0),
    finishedAt: formatTime(c.finishedAt ?? c.createdAt),
    containerID: ENGINE + c.id,
  };
}

function stateOf(facts: ContainerFacts, initializing: boolean): ContainerState {
  const { newest, waiting, messageOf } = facts;
  if (newest?.state === "running") return { running: { startedAt: formatTime(newest.startedAt ?? 0) } };
  if (waiting) return { waiting: present(waiting) };
  if (newest?.state === "exited") return { terminated: terminated(newest, messageOf(newest.id)) };
  if (!newest && facts.before?.state?.terminated) return { terminated: facts.before.state.terminated };
  return {
    waiting: {
      reason: initializing && facts.kind !== "ephemeral" ? "PodInitializing" : "ContainerCreating",
    },
  };
}

const present = ({ reason, message }: Waiting): { reason: string; message?: string } =>
  message ? { reason, message } : { reason };

function lastState(facts: ContainerFacts, state: ContainerState): ContainerState {
  const { newest, previous, messageOf } = facts;
  const last = newest?.state === "exited" && !state.terminated ? newest : previous;
  if (last?.state === "exited") return { terminated: terminated(last, messageOf(last.id)) };
  return facts.before?.lastState ?? {};
}

/** `initializing`: init containers have yet to end before this one may start. */
export function containerStatus(facts: ContainerFacts, initializing: boolean): ContainerStatus {
  const { spec, newest, kind, before } = facts;
  const state = stateOf(facts, initializing);
  const up = state.running !== undefined;
  const ready =
    kind === "init"
      ? state.terminated?.exitCode === 0
      : kind === "ephemeral"
        ? false
        : up && facts.started && facts.ready;
  const id = newest && newest.state !== "created" ? newest.id : undefined;
  const given = facts.resources ?? spec.resources;
  const requests = (facts.allocated ?? given)?.requests;
  return {
    name: spec.name,
    state,
    lastState: lastState(facts, state),
    ready,
    restartCount: newest ? attemptOf(newest) : (before?.restartCount ?? 0),
    image: newest?.image ?? spec.image ?? "",
    imageID: (newest ? facts.imageDigest : before?.imageID) ?? "",
    ...(id ? { containerID: ENGINE + id } : before?.containerID ? { containerID: before.containerID } : {}),
    ...(kind === "ephemeral" ? {} : { started: up && facts.started }),
    ...(newest && requests ? { allocatedResources: requests } : {}),
    ...(newest ? { resources: given ?? {}, stopSignal: signalName(newest.stopSignal) } : {}),
    ...(facts.user ? { user: facts.user } : {}),
    ...(spec.volumeMounts?.length ? { volumeMounts: spec.volumeMounts.map(mountStatus) } : {}),
  };
}

/** Images may give a signal's number, or leave its prefix out. */
function signalName(signal: string): string {
  const number = Number(signal);
  const name = Object.entries(constants.signals).find(([, n]) => n === number)?.[0];
  return name ?? (signal.startsWith("SIG") ? signal : `SIG${signal}`);
}

const mountStatus = (mount: {
  name: string;
  mountPath: string;
  readOnly?: boolean | undefined;
  recursiveReadOnly?: string | undefined;
}): { name: string; mountPath: string; readOnly?: boolean; recursiveReadOnly?: string } => ({
  name: mount.name,
  mountPath: mount.mountPath,
  ...(mount.readOnly ? { readOnly: true, recursiveReadOnly: "Disabled" } : {}),
});
