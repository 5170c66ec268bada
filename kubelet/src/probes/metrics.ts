/** How the probes of this node's containers went, under upstream's names: `/metrics/probes`. */
import { Counter, Histogram, Registry } from "prom-client";
import type { ProbeKind } from "./worker.ts";
import type { Outcome } from "./result.ts";

export interface Probed {
  readonly kind: ProbeKind;
  readonly container: string;
  readonly pod: string;
  readonly namespace: string;
  readonly uid: string;
}

export interface ProbeMetrics {
  count(probed: Probed, outcome: Outcome, seconds: number): void;
  /** The series of a pod end with it. */
  forget(uid: string): void;
  text(): Promise<string>;
}

const TYPE: Readonly<Record<ProbeKind, string>> = {
  startup: "Startup",
  liveness: "Liveness",
  readiness: "Readiness",
};
const RESULT: Readonly<Record<Outcome, string>> = {
  success: "successful",
  warning: "successful",
  failure: "failed",
  unknown: "unknown",
};

export function createProbeMetrics(): ProbeMetrics {
  const registry = new Registry();
  const registers = [registry];
  const total = new Counter({
    name: "prober_probe_total",
    help: "Cumulative number of a liveness, readiness or startup probe for a container by result.",
    labelNames: ["probe_type", "result", "container", "pod", "namespace", "pod_uid"],
    registers,
  });
  const duration = new Histogram({
    name: "prober_probe_duration_seconds",
    help: "Duration in seconds for a probe response.",
    labelNames: ["probe_type", "container", "pod", "namespace"],
    registers,
  });
  const byPod = new Map<string, Map<string, Probed>>();

  return {
    count(probed, outcome, seconds) {
      const { kind, container, pod, namespace, uid } = probed;
      const known = byPod.get(uid) ?? new Map<string, Probed>();
      byPod.set(uid, known.set(`${kind}/${container}`, probed));
      const labels = { probe_type: TYPE[kind], container, pod, namespace };
      total.inc({ ...labels, pod_uid: uid, result: RESULT[outcome] });
      // How long a failure takes says more of the limit than of the container.
      if (outcome !== "failure") duration.observe(labels, seconds);
    },
    forget(uid) {
      for (const { kind, container, pod, namespace } of byPod.get(uid)?.values() ?? []) {
        const labels = { probe_type: TYPE[kind], container, pod, namespace };
        for (const result of new Set(Object.values(RESULT)))
          total.remove({ ...labels, pod_uid: uid, result });
        duration.remove(labels);
      }
      byPod.delete(uid);
    },
    text: () => registry.metrics(),
  };
}
