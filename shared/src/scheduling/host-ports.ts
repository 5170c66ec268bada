/** Ports of a node that pods ask for. Pure; used by the scheduler and the kubelet. */
import type { Pod } from "../api/generated/core-v1.ts";
import { isSidecar } from "../meta/pods.ts";

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export const ANY_ADDRESS = "0.0.0.0";

/** The host ports a pod holds as long as it runs: init containers that end hold none. */
export function hostPortsOf(pod: Pod): HostPort[] {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter(isSidecar)];
  return containers.flatMap((c) =>
    (c.ports ?? []).flatMap((p) =>
      p.hostPort ? [{ ip: p.hostIP || ANY_ADDRESS, protocol: p.protocol ?? "TCP", port: p.hostPort }] : [],
    ),
  );
}

/** An address conflicts with itself and with the wildcard, as sockets do. */
export const portsConflict = (a: HostPort, b: HostPort): boolean =>
  a.protocol === b.protocol &&
  a.port === b.port &&
  (a.ip === b.ip || a.ip === ANY_ADDRESS || b.ip === ANY_ADDRESS);
