import type { Container, Probe } from "@coracle/shared/api/generated/core-v1.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { probeExec } from "./exec.ts";
import { probeGrpc } from "./grpc.ts";
import { probeHttp } from "./http.ts";
import { failure, success, type ProbeResult } from "./result.ts";
import { probeTcp } from "./tcp.ts";

/** What a probe is aimed at; asked anew for each run, since a restart changes it. */
export interface ProbeTarget {
  readonly containerId: string;
  readonly podAddress: string;
  readonly container: Container;
}

/** A port by number, or by the name it has in the container. Undefined when there is no such port. */
export function resolvePort(port: number | string, container: Container): number | undefined {
  const number =
    typeof port === "number"
      ? port
      : /^\d+$/.test(port)
        ? Number(port)
        : container.ports?.find((p) => p.name === port)?.containerPort;
  return number !== undefined && number > 0 && number < 65536 ? number : undefined;
}

/** Runs a probe (or an HTTP, TCP or exec hook's action) once, within its time-out. */
export async function runProbe(
  probe: Probe,
  target: ProbeTarget,
  runtime: Pick<Runtime, "exec">,
  stop: AbortSignal,
): Promise<ProbeResult> {
  const timeoutSeconds = probe.timeoutSeconds ?? 1;
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutSeconds * 1000)]);
  if (probe.exec)
    return probeExec(runtime, target.containerId, probe.exec.command ?? [], timeoutSeconds, signal);
  if (probe.grpc) return probeGrpc(target.podAddress, probe.grpc.port, probe.grpc.service ?? "", signal);
  const action = probe.httpGet ?? probe.tcpSocket;
  if (!action) return success();
  const port = resolvePort(action.port, target.container);
  if (port === undefined) return failure(`couldn't find port: ${action.port}`);
  const host = action.host || target.podAddress;
  return probe.httpGet ? probeHttp(probe.httpGet, { host, port }, signal) : probeTcp(host, port, signal);
}
