import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import { parseDuration } from "./eviction/signals.ts";

/** The kubelet's settings, out of the environment (docs/processes.md). */
export interface KubeletConfig {
  readonly cluster: string;
  readonly clusterDomain: string;
  readonly clusterDns: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly nodesSubnet: string;
  readonly pauseImage: string;
  readonly data: string;
  readonly maxParallelPulls: number;
  readonly podPidsLimit: number | undefined;
  readonly maxPods: number;
  /** The node's part of the machine's memory; undefined: all of it. */
  readonly nodeMemoryBytes: number | undefined;
  /** How many processes and threads the node's pods may have together; undefined: as many as the machine. */
  readonly nodePids: number | undefined;
  readonly containerLogMaxBytes: number;
  readonly containerLogMaxFiles: number;
  readonly staticPods: string | undefined;
  /** Tokens of pods are renewed at this age at the latest. */
  readonly tokenMaxAgeMs: number;
  /** Kernel settings that pods may make beside the safe ones. */
  readonly unsafeSysctls: readonly string[];
  readonly runtime: "docker" | "fake";
}

export const API_PORT = 6443;
export const KUBELET_VERSION = "v1.36.0";
const MIB = 1024 * 1024;

/** @throws Error for a setting that is no number where it must be */
export function readConfig(env: Readonly<Record<string, string | undefined>>): KubeletConfig {
  const number = (name: string, fallback: number): number => {
    const value = Number(env[name] || fallback);
    if (!Number.isFinite(value)) throw new Error(`${name} is not a number: ${env[name]}`);
    return value;
  };
  return {
    cluster: env["CORACLE_CLUSTER"] || "coracle",
    clusterDomain: env["CORACLE_CLUSTER_DOMAIN"] || "cluster.local",
    clusterDns: env["CORACLE_DNS_IP"] || "10.96.0.10",
    podCidr: env["CORACLE_POD_CIDR"] || "10.244.0.0/16",
    serviceCidr: env["CORACLE_SERVICE_CIDR"] || "10.96.0.0/16",
    nodesSubnet: env["CORACLE_NODES_SUBNET"] || "172.30.0.0/24",
    pauseImage: env["CORACLE_PAUSE_IMAGE"] || "coracle/pause:1",
    data: env["CORACLE_DATA"] || "/var/lib/coracle",
    maxParallelPulls: number("CORACLE_MAX_PARALLEL_PULLS", 3),
    podPidsLimit: env["CORACLE_POD_PIDS_LIMIT"] ? number("CORACLE_POD_PIDS_LIMIT", 0) : undefined,
    maxPods: number("CORACLE_MAX_PODS", 110),
    nodeMemoryBytes: env["CORACLE_NODE_MEMORY"]
      ? resourceAmount("memory", env["CORACLE_NODE_MEMORY"])
      : undefined,
    nodePids: env["CORACLE_NODE_PIDS"] ? number("CORACLE_NODE_PIDS", 0) : undefined,
    containerLogMaxBytes: number("CORACLE_LOG_MAX_BYTES", 10 * MIB),
    containerLogMaxFiles: number("CORACLE_LOG_MAX_FILES", 5),
    staticPods: env["CORACLE_STATIC_PODS"] || undefined,
    tokenMaxAgeMs: parseDuration(env["CORACLE_TOKEN_MAX_AGE"] || "24h"),
    unsafeSysctls: (env["CORACLE_ALLOWED_UNSAFE_SYSCTLS"] ?? "").split(",").filter(Boolean),
    runtime: env["CORACLE_RUNTIME"] === "fake" ? "fake" : "docker",
  };
}
