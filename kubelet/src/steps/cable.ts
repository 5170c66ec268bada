import { writeFile } from "node:fs/promises";
import { podHosts } from "../container/dns.ts";
import { resolvConfOf } from "../container/resolv-conf.ts";
import { podEvent, sandboxOf, type PodRun } from "../pod.ts";
import type { HostPort } from "../network/rules.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import type { PodStep } from "./step.ts";

function hostPortsOf(run: PodRun): HostPort[] {
  const { spec } = run.pod;
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return containers.flatMap((c) =>
    (c.ports ?? []).flatMap((p) =>
      p.hostPort
        ? [
            {
              protocol: (p.protocol ?? "TCP").toLowerCase() as HostPort["protocol"],
              port: p.hostPort,
              hostIP: p.hostIP && p.hostIP !== "0.0.0.0" ? p.hostIP : "",
              address: run.address ?? "",
              containerPort: p.containerPort,
            },
          ]
        : [],
    ),
  );
}

/** The sandbox's name files are shared by all of the pod's containers; the engine made them, the pod's contents go in. */
async function writeNameFiles(run: PodRun, sandbox: RuntimeContainer): Promise<void> {
  const root = run.ctx.storage.rootOf(sandbox.pid);
  if (root === undefined) return;
  const hosts = podHosts(run.pod, run.address ? [run.address] : [], run.ctx.config.clusterDomain);
  await Promise.all([
    writeFile(`${root}/etc/hosts`, hosts),
    writeFile(`${root}/etc/resolv.conf`, resolvConfOf(run)),
  ]);
}

/** The pod's place in the network: cable, names, host ports. */
export const cable: PodStep = {
  name: "cable",
  up: async (run) => {
    const sandbox = sandboxOf(run);
    if (!sandbox || sandbox.state !== "running") return false;
    if (run.pod.spec?.hostNetwork || (run.plugged === sandbox.id && run.ctx.network.attached(run.uid)))
      return true;
    const { network } = run.ctx;
    const adopted = !run.started.has(sandbox.id);
    if (adopted && network.attached(run.uid) && (await network.wired(sandbox.pid))) {
      await network.setHostPorts(run.uid, hostPortsOf(run));
      run.plugged = sandbox.id;
      return true;
    }
    try {
      await Promise.all([
        network.attach({ uid: run.uid, pid: sandbox.pid, address: run.address ?? "" }),
        writeNameFiles(run, sandbox),
        network.setHostPorts(run.uid, hostPortsOf(run)),
      ]);
    } catch (error) {
      const message = `Failed to create pod sandbox: failed to set up its network: ${(error as Error).message}`;
      podEvent(run, "Warning", "FailedCreatePodSandBox", message);
      throw error;
    }
    run.plugged = sandbox.id;
    return true;
  },
  stop: async (run) => {
    await run.ctx.network.setHostPorts(run.uid, []);
    await run.ctx.network.detach(run.uid);
    run.plugged = undefined;
    return true;
  },
};
