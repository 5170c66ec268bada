import { readlink } from "node:fs/promises";
import type { Container } from "@coracle/shared/api/generated/core-v1.ts";
import { sysctlName } from "../admission/sysctls.ts";
import { LABEL, podLabels, sandboxName, sandboxVolumePath, volumeName } from "../container/names.ts";
import { runtimeHandler } from "../container/handler.ts";
import { podHostname } from "../container/dns.ts";
import { podGroupResources } from "../container/resources.ts";
import { endPod } from "../lifecycle/end.ts";
import { prepareContainer } from "../lifecycle/start.ts";
import { startedPods, startedPodsErrors } from "../metrics.ts";
import { attemptOf, needsSandbox } from "../plan/plan.ts";
import { viewsOf } from "../plan/views.ts";
import {
  containersOf,
  existing,
  failedMount,
  podEvent,
  runningInstances,
  sandboxesOf,
  sandboxOf,
  type PodRun,
} from "../pod.ts";
import { isNameTaken, type RuntimeContainer, type SandboxSpec } from "../runtime/runtime.ts";
import { planVolume } from "../volumes/index.ts";
import { memorySize } from "../volumes/memory-size.ts";
import type { PodStep } from "./step.ts";

/** The kernel's. */
const MAX_HOSTNAME = 64;

function specOf(run: PodRun, attempt: number, cgroup: string | undefined): SandboxSpec {
  const { pod, ctx } = run;
  // An engine has one user namespace for all of its containers; to run the pod in that one would break its author's word.
  if (pod.spec?.hostUsers === false)
    throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
  const host = pod.spec?.hostNetwork ? ctx.node.containerId : undefined;
  const { hostname } = podHostname(pod, ctx.config.clusterDomain);
  if (!host && hostname.length > MAX_HOSTNAME)
    throw new Error(
      `Failed to construct FQDN from Pod hostname and cluster domain, FQDN ${hostname} is too long (${MAX_HOSTNAME} characters is the max, ${hostname.length} characters requested)`,
    );
  const handler = runtimeHandler(pod, ctx.handlers);
  const sysctls = (pod.spec?.securityContext?.sysctls ?? []).map(({ name, value }): [string, string] => [
    sysctlName(name),
    value,
  ]);
  return {
    name: sandboxName(pod, attempt),
    labels: {
      ...podLabels(ctx.identity, pod),
      [LABEL.type]: "sandbox",
      [LABEL.attempt]: String(attempt),
      ...(run.address ? { [LABEL.ip]: run.address } : {}),
      ...(handler ? { [LABEL.handler]: handler } : {}),
      ...(cgroup ? { [LABEL.cgroup]: cgroup } : {}),
    },
    handler,
    cgroup,
    image: ctx.config.pauseImage,
    hostname,
    network: host ? { kind: "joined", container: host } : { kind: "own" },
    hostIpc: pod.spec?.hostIPC === true,
    hostPid: pod.spec?.hostPID === true,
    sysctls: Object.fromEntries(host ? sysctls : [...DEFAULT_SYSCTLS, ...sysctls]),
    volumes: (pod.spec?.volumes ?? []).flatMap((volume) => {
      const plan = planVolume(volume, pod);
      return plan.kind === "engine"
        ? [
            {
              name: volumeName(pod, volume.name),
              target: sandboxVolumePath(volume.name),
              memory: plan.memory && { sizeBytes: memorySize(pod, ctx.node, plan.memory.sizeBytes) },
              mount: plan.mount,
            },
          ]
        : [];
    }),
  };
}

/** As upstream's runtimes have it: low ports and ping need no privilege inside of a pod. */
const DEFAULT_SYSCTLS: readonly [string, string][] = [
  ["net.ipv4.ip_unprivileged_port_start", "0"],
  ["net.ipv4.ping_group_range", "0 2147483647"],
];

/** A restarted kubelet container has a new network; what joined the old one is cut off. */
async function inNodeNetwork(run: PodRun, sandbox: RuntimeContainer): Promise<boolean> {
  if (!run.pod.spec?.hostNetwork || !run.ctx.node.containerId) return true;
  const namespace = await readlink(`/proc/${sandbox.pid}/ns/net`).catch(() => undefined);
  return namespace === undefined || namespace === run.ctx.node.networkNamespace;
}

/** Removes sandboxes that are dead or of another time, after what still runs in them. True when none is left. */
async function removeOld(run: PodRun): Promise<boolean> {
  if (runningInstances(run).length > 0) {
    const until = run.ctx.steady() + (run.pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
    run.tasks.start("end", () => endPod(run, () => until));
    return false;
  }
  await removeSandboxes(run);
  return true;
}

async function removeSandboxes(run: PodRun): Promise<void> {
  for (const { id } of sandboxesOf(run)) {
    await run.ctx.runtime.remove(id);
    run.removed.add(id);
  }
}

/** The group around the containers of a pod that asks for something as a whole. Where none can be made, each container has the limits. */
async function makeGroup(run: PodRun): Promise<string | undefined> {
  const resources = podGroupResources(run.pod);
  if (!resources) return undefined;
  run.given = run.pod.spec?.resources;
  try {
    return await run.ctx.cgroups.set(run.uid, resources);
  } catch (error) {
    run.ctx.log.warn({ err: error, pod: run.pod.metadata.name }, "no control group for a pod");
    return undefined;
  }
}

async function create(run: PodRun, spec: SandboxSpec): Promise<string> {
  const { runtime } = run.ctx;
  try {
    return await runtime.createSandbox(spec);
  } catch (error) {
    if (!isNameTaken(error)) throw error;
    await runtime.remove(spec.name);
    return runtime.createSandbox(spec);
  }
}

/** Containers that start together and need nothing of the sandbox but its name are made while it starts. */
function prepareAhead(run: PodRun): void {
  const containers = containersOf(run.pod);
  if (containers.some((c) => c.kind === "init" || c.kind === "sidecar")) return;
  const readsVolume = ({ volumeMounts = [], env = [] }: Container): boolean =>
    volumeMounts.some((m) => m.subPath || m.subPathExpr) || env.some((e) => e.valueFrom?.fileKeyRef);
  const plain = containers.filter(({ kind, spec }) => kind === "main" && !readsVolume(spec));
  // A failure is told, and tried again, when the container is to be started.
  for (const container of plain) prepareContainer(run, container).catch(() => undefined);
}

/** The pause container: the pod's namespaces and volumes. */
export const sandbox: PodStep = {
  name: "sandbox",
  up: async (run) => {
    const { ctx } = run;
    const current = sandboxOf(run);
    if (current?.state === "running" && (await inNodeNetwork(run, current))) return true;
    const { init, main } = viewsOf(run);
    if (!needsSandbox(run.pod, init, main)) {
      // One that may not be restarted is better cut off than killed.
      if (current?.state === "running" && runningInstances(run).length > 0) return true;
      run.over = await removeOld(run);
      return run.over;
    }
    const attempt = current ? attemptOf(current) + 1 : existing(run).length > 0 ? 1 : 0;
    if (current && current.state !== "created")
      podEvent(run, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
    if (!(await removeOld(run))) return false;
    run.prepared.clear();
    run.held.length = 0;
    try {
      const id = await create(run, specOf(run, attempt, await makeGroup(run)));
      await ctx.engine.refresh(id);
      if (containersOf(run.pod).length > 0 && canPrepare(run)) prepareAhead(run);
      run.started.add(id);
      await ctx.runtime.start(id);
      startedPods.inc();
      await ctx.engine.refresh(id);
    } catch (error) {
      startedPodsErrors.inc();
      tell(run, error as Error);
      throw error;
    }
    return sandboxOf(run)?.state === "running";
  },
  stop: async (run) => {
    await removeSandboxes(run);
    run.volumesOf = undefined;
    return true;
  },
  erase: async (run) => {
    // Of a pod that only the engine knows it cannot be told whether it had one.
    if (run.source === "orphan" || podGroupResources(run.pod)) await run.ctx.cgroups.remove(run.uid);
    return true;
  },
};

/** A file system from elsewhere is mounted by the engine when the sandbox starts; its error names the volume. */
function tell(run: PodRun, error: Error): void {
  const mount = (run.pod.spec?.volumes ?? []).find(
    ({ name }) =>
      error.message.includes("failed to mount local volume") &&
      error.message.includes(`/${volumeName(run.pod, name)}/`),
  );
  if (mount) failedMount(run, mount.name, error.message.replace(/^.*failed to mount local volume: /s, ""));
  else podEvent(run, "Warning", "FailedCreatePodSandBox", `Failed to create pod sandbox: ${error.message}`);
}

/** Path volumes are found, images' files brought by the step after this one; containers that mount any wait for it. */
const canPrepare = (run: PodRun): boolean =>
  (run.pod.spec?.volumes ?? []).every((volume) => {
    const plan = planVolume(volume, run.pod);
    return plan.kind === "engine" && !plan.fill;
  });
