/** What a running container's probes and hook say: started, ready, or to be ended. */
import type { Probe } from "@coracle/shared/api/generated/core-v1.ts";
import { podIPs } from "../container/build.ts";
import { podEvent, steadyTime, type Health, type PodRun, type SpecContainer } from "../pod.ts";
import { runProbe } from "../probes/probe.ts";
import { unknown, type ProbeResult } from "../probes/result.ts";
import { startProbe, type ProbeKind } from "../probes/worker.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";

const TITLE: Readonly<Record<ProbeKind, string>> = {
  startup: "Startup",
  liveness: "Liveness",
  readiness: "Readiness",
};

/** One run of a probe. What keeps it from being run at all says nothing about the container. */
async function attempt(
  run: PodRun,
  { spec }: SpecContainer,
  instance: RuntimeContainer,
  probe: Probe,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const [podAddress] = podIPs(run);
  const reachable = run.pod.spec?.hostNetwork === true || run.plugged !== undefined;
  if (!probe.exec && (!reachable || podAddress === undefined)) return unknown("the pod has no network yet");
  const target = { containerId: instance.id, podAddress: podAddress ?? "", container: spec };
  try {
    return await runProbe(probe, target, run.ctx.runtime, signal);
  } catch (error) {
    return unknown((error as Error).message);
  }
}

function count(run: PodRun, container: string, kind: ProbeKind, result: ProbeResult, tookMs: number): void {
  const { name = "", namespace = "" } = run.pod.metadata;
  const probed = { kind, container, pod: name, namespace, uid: run.uid };
  run.ctx.probeMetrics.count(probed, result.outcome, tookMs / 1000);
}

/** Begins the probes of a running instance; nothing when they run. An adopted container keeps what the API last knew. */
export function watchHealth(
  run: PodRun,
  container: SpecContainer,
  instance: RuntimeContainer,
  adopted?: { readonly started: boolean; readonly ready: boolean },
): void {
  if (run.health.has(instance.id)) return;
  const { spec, kind } = container;
  const all = new AbortController();
  const killing = new AbortController();
  const probed = kind === "main" || kind === "sidecar";
  const health: Health = {
    started: !probed || !spec.startupProbe || (adopted?.started ?? false),
    ready: !probed || !spec.readinessProbe || (adopted?.ready ?? false),
    condemned: undefined,
    hook: "none",
    stop: () => {
      all.abort();
      killing.abort();
    },
    stopKilling: () => killing.abort(),
  };
  run.health.set(instance.id, health);
  if (!probed) return;

  const begin = (which: ProbeKind): void => {
    const probe = {
      startup: spec.startupProbe,
      liveness: spec.livenessProbe,
      readiness: spec.readinessProbe,
    }[which];
    if (!probe) return;
    startProbe({
      kind: which,
      probe,
      startedAt: steadyTime(run.ctx, instance.startedAt),
      now: run.ctx.steady,
      signal: which === "readiness" ? all.signal : killing.signal,
      run: async (signal) => {
        const began = run.ctx.steady();
        const result = await attempt(run, container, instance, probe, signal);
        if (!signal.aborted) count(run, spec.name, which, result, run.ctx.steady() - began);
        return result;
      },
      onFailure: ({ message }) =>
        podEvent(run, "Warning", "Unhealthy", `${TITLE[which]} probe failed: ${message}`, container),
      onWarning: ({ message }) =>
        podEvent(run, "Warning", "ProbeWarning", `${TITLE[which]} probe warning: ${message}`, container),
      onVerdict: (ok) => {
        if (which === "readiness") health.ready = ok;
        else if (which === "startup" && ok) {
          health.started = true;
          begin("liveness");
          begin("readiness");
        } else if (!ok)
          health.condemned = {
            message: `Container ${spec.name} failed ${which} probe, will be restarted`,
            graceSeconds: probe.terminationGracePeriodSeconds,
          };
        run.publish();
        run.wake();
      },
    });
  };
  if (!health.started) begin("startup");
  else {
    begin("liveness");
    begin("readiness");
  }
}

/** Ends the probes of an instance that no longer runs. */
export function unwatchHealth(run: PodRun, id: string): void {
  run.health.get(id)?.stop();
}
