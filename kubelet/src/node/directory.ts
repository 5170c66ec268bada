/** What streams ask of the pods on this node. */
import { podIPs } from "../container/build.ts";
import { LABEL } from "../container/names.ts";
import type { PodManager } from "../pod-manager.ts";
import { restartPolicyFor } from "../plan/plan.ts";
import { containersOf, existing, instancesOf, isEnding, sandboxOf, type PodRun } from "../pod.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import type { PodDirectory, StreamContainer } from "../streams/target.ts";

const asTarget = (container: RuntimeContainer): StreamContainer => ({
  id: container.id,
  tty: container.tty,
  stdin: container.stdin,
  running: container.state === "running",
});

/** Instances that have run, the newest first: one that was only made has nothing to show. */
const begun = (run: PodRun, name: string): RuntimeContainer[] => {
  const there = new Set(existing(run).map((c) => c.id));
  return instancesOf(run, name).filter((c) => there.has(c.id) && c.state !== "created");
};

/** The instance that the status tells of as the last one; while a container waits for its restart that is the newest. */
function previousOf(run: PodRun, name: string): RuntimeContainer | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } =
    run.ctx.statuses.current(run.uid) ?? run.pod.status ?? {};
  const status = [...containerStatuses, ...initContainerStatuses].find((s) => s.name === name);
  const id = status?.lastState?.terminated?.containerID?.replace(/^.*:\/\//, "");
  const instances = begun(run, name);
  return instances.find((c) => c.id === id) ?? instances[1];
}

/** The container was ended for good, or the pod is going. */
function willNotReturn(run: PodRun, name: string): boolean {
  if (isEnding(run) || run.over) return true;
  const [newest] = begun(run, name);
  const container = containersOf(run.pod).find((c) => c.spec.name === name);
  if (!container || container.kind === "ephemeral") return true;
  return newest?.state === "exited" && !restartPolicyFor(run.pod, container.spec, newest.exitCode);
}

function successorOf(
  run: PodRun,
  name: string,
  after: string,
  signal: AbortSignal,
): Promise<RuntimeContainer | undefined> {
  return new Promise((resolve) => {
    const finish = (found: RuntimeContainer | undefined): void => {
      run.changes.delete(look);
      signal.removeEventListener("abort", stop);
      resolve(found);
    };
    const stop = (): void => finish(undefined);
    const look = (): void => {
      const [newest] = begun(run, name);
      if (newest && newest.id !== after) finish(newest);
      else if (willNotReturn(run, name)) finish(undefined);
    };
    run.changes.add(look);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    else look();
  });
}

export function createPodDirectory(pods: PodManager): PodDirectory {
  return {
    container(uid, name, previous) {
      const run = pods.get(uid);
      const found = run && (previous ? previousOf(run, name) : begun(run, name)[0]);
      return found && asTarget(found);
    },
    waitingReason: (uid, name) => pods.get(uid)?.waiting.get(name)?.reason,
    sandboxPid(uid) {
      const run = pods.get(uid);
      const sandbox = run && sandboxOf(run);
      return sandbox?.state === "running" ? sandbox.pid : undefined;
    },
    address(uid) {
      const run = pods.get(uid);
      return run && (podIPs(run)[0] ?? sandboxOf(run)?.labels[LABEL.ip]);
    },
    async successor(uid, name, after, signal) {
      const run = pods.get(uid);
      const found = run && (await successorOf(run, name, after, signal));
      return found && asTarget(found);
    },
    has: (uid) => pods.get(uid) !== undefined,
  };
}

/** The uid of this node's pod of a name. */
export const createUidFinder =
  (pods: Pick<PodManager, "runs">) =>
  (namespace: string, name: string): string | undefined =>
    [...pods.runs()].find(
      ({ pod: { metadata } }) => metadata.name === name && metadata.namespace === namespace,
    )?.uid;
