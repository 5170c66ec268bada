import type { ContainerStatus, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { since } from "../shared/duration.ts";

export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

interface Tally {
  reason: string;
  restarts: number;
  lastRestart: string;
  ready: number;
  total: number;
}

/** A pod in three words, as `kubectl get pods` shows it: derived from its phase, conditions and container states. */
export function podSummary(pod: Pod, now = new Date()): PodSummary {
  const tally: Tally = {
    reason: pod.status?.reason || pod.status?.phase || "",
    restarts: 0,
    lastRestart: "",
    ready: 0,
    total: pod.spec?.containers?.length ?? 0,
  };
  if (condition(pod, "PodScheduled")?.reason === "SchedulingGated") tally.reason = "SchedulingGated";
  const initializing = countInit(pod, tally);
  if (!initializing || condition(pod, "Initialized")?.status === "True") countApps(pod, tally);
  if (pod.metadata.deletionTimestamp)
    tally.reason =
      pod.status?.reason === "NodeLost"
        ? "Unknown"
        : isEnded(pod.status?.phase)
          ? tally.reason
          : "Terminating";
  const ago = tally.restarts > 0 && tally.lastRestart ? ` (${since(tally.lastRestart, now)} ago)` : "";
  return {
    ready: `${tally.ready}/${tally.total}`,
    status: tally.reason,
    restarts: `${tally.restarts}${ago}`,
  };
}

const isEnded = (phase: string | undefined): boolean => phase === "Failed" || phase === "Succeeded";
const condition = (pod: Pod, type: string) => pod.status?.conditions?.find((c) => c.type === type);

/** Init containers, up to the first that is not done. @returns whether the pod still initializes */
function countInit(pod: Pod, tally: Tally): boolean {
  const containers = pod.spec?.initContainers ?? [];
  const isSidecar = (name: string): boolean =>
    containers.some((c) => c.name === name && c.restartPolicy === "Always");
  tally.total += containers.filter((c) => c.restartPolicy === "Always").length;
  const sidecars: Pick<Tally, "restarts" | "lastRestart"> = { restarts: 0, lastRestart: "" };
  let initializing = false;
  for (const [i, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    noteRestart(status, tally);
    if (isSidecar(status.name)) noteRestart(status, sidecars);
    const reason = initReason(status, i, containers.length, isSidecar(status.name));
    if (reason === undefined) {
      if (isSidecar(status.name) && status.ready) tally.ready++;
      continue;
    }
    tally.reason = reason;
    initializing = true;
    break;
  }
  if (!initializing || condition(pod, "Initialized")?.status === "True") Object.assign(tally, sidecars);
  return initializing;
}

/** @returns undefined when this container no longer holds the others up */
function initReason(
  status: ContainerStatus,
  index: number,
  total: number,
  sidecar: boolean,
): string | undefined {
  const { terminated, waiting } = status.state ?? {};
  if (terminated?.exitCode === 0) return undefined;
  if (sidecar && status.started) return undefined;
  if (terminated) {
    if (terminated.reason) return `Init:${terminated.reason}`;
    return terminated.signal ? `Init:Signal:${terminated.signal}` : `Init:ExitCode:${terminated.exitCode}`;
  }
  if (waiting?.reason && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
  return `Init:${index}/${total}`;
}

function countApps(pod: Pod, tally: Tally): void {
  let running = false;
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    noteRestart(status, tally);
    const { terminated, waiting } = status.state ?? {};
    if (waiting?.reason) tally.reason = waiting.reason;
    else if (terminated)
      tally.reason =
        terminated.reason ||
        (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`);
    else if (status.ready && status.state?.running) {
      running = true;
      tally.ready++;
    }
  }
  // One container has ended well while another still runs: the pod is not complete.
  if (tally.reason === "Completed" && running)
    tally.reason = condition(pod, "Ready")?.status === "True" ? "Running" : "NotReady";
}

function noteRestart(status: ContainerStatus, tally: Pick<Tally, "restarts" | "lastRestart">): void {
  tally.restarts += status.restartCount ?? 0;
  const finished = status.lastState?.terminated?.finishedAt ?? "";
  if (finished > tally.lastRestart) tally.lastRestart = finished;
}
