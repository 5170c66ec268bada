import type { Probe } from "@coracle/shared/api/generated/core-v1.ts";
import type { ProbeResult } from "./result.ts";

export type ProbeKind = "startup" | "readiness" | "liveness";

export interface ProbeWorkerOptions {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  /** When the container started, ms. */
  readonly startedAt: number;
  readonly run: (signal: AbortSignal) => Promise<ProbeResult>;
  /** The verdict changed, after as many equal results as its threshold asks. */
  readonly onVerdict: (ok: boolean, result: ProbeResult) => void;
  /** A single run failed; for the event `Unhealthy`. */
  readonly onFailure: (result: ProbeResult) => void;
  /** A single run succeeded with something to say; for the event `ProbeWarning`. */
  readonly onWarning: (result: ProbeResult) => void;
  readonly now?: () => number;
  readonly signal: AbortSignal;
}

/**
 * Runs one probe of one container attempt until it is stopped: the first time after `initialDelaySeconds`, then every
 * `periodSeconds`. A verdict is told when it differs from the last; before the first one a container counts as not ready, alive and
 * not started.
 */
export function startProbe(options: ProbeWorkerOptions): () => void {
  const { probe, kind, now = Date.now } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  const thresholds = { success: probe.successThreshold ?? 1, failure: probe.failureThreshold ?? 3 };
  let verdict: boolean | undefined = kind === "liveness" ? true : kind === "readiness" ? false : undefined;
  let streak = { ok: true, count: 0 };
  let timer: NodeJS.Timeout | undefined;

  const judge = (result: ProbeResult): void => {
    if (result.outcome === "unknown") return;
    if (result.outcome === "warning") options.onWarning(result);
    const ok = result.outcome !== "failure";
    streak = { ok, count: streak.ok === ok ? streak.count + 1 : 1 };
    if (!ok) options.onFailure(result);
    if (streak.count < (ok ? thresholds.success : thresholds.failure) || verdict === ok) return;
    verdict = ok;
    options.onVerdict(ok, result);
    // Startup ends with its first verdict: success hands over to the others, failure restarts the container. So does liveness.
    if (kind === "startup" || (kind === "liveness" && !ok)) stop.abort();
  };

  const tick = async (): Promise<void> => {
    const began = now();
    const result = await options.run(signal);
    if (signal.aborted) return;
    judge(result);
    if (!stop.signal.aborted) timer = setTimeout(loop, Math.max(0, periodMs - (now() - began)));
  };
  const loop = (): void => {
    if (!signal.aborted) void tick();
  };
  timer = setTimeout(loop, Math.max(0, options.startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - now()));
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  return () => stop.abort();
}
