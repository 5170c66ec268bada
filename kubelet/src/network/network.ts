/** The pods' network as the kubelet's other parts see it. */
import type { HostPort } from "./rules.ts";

export interface PodAttachment {
  readonly uid: string;
  readonly pid: number;
  readonly address: string;
}

export interface PodNetwork {
  /** Undefined while the node has no range of addresses yet. */
  readonly ready: boolean;
  /** Resolves when it is ready. */
  whenReady(signal: AbortSignal): Promise<void>;
  allocate(uid: string): string;
  /** Takes over the address of a pod that runs already. */
  claim(uid: string, address: string): boolean;
  release(uid: string): void;
  attach(pod: PodAttachment): Promise<void>;
  /** True when the pod's cable is there. */
  attached(uid: string): boolean;
  /** True when the sandbox of this process has its address and routes. */
  wired(pid: number): Promise<boolean>;
  detach(uid: string): Promise<void>;
  /** A pod's host ports; an empty list takes them away. @throws Error when another pod has one of them */
  setHostPorts(uid: string, ports: readonly HostPort[]): Promise<void>;
  /** Cables of pods that are none of these. */
  removeStrangers(known: ReadonlySet<string>): Promise<void>;
}
