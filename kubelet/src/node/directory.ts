/** What streams ask of the pods on this node. */
import { LABEL } from "../container/names.ts";
import type { PodManager } from "../pod-manager.ts";
import { existing, instancesOf, sandboxOf, type PodRun } from "../pod.ts";
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
      return run?.address ?? (run && sandboxOf(run)?.labels[LABEL.ip]);
    },
    has: (uid) => pods.get(uid) !== undefined,
  };
}
