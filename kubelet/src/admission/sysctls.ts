/** Which kernel settings a pod may make: by default only those that cannot harm other pods. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Refusal } from "../admit.ts";

type Namespace = "IPC" | "Net";

/** Upstream's safe sysctls: confined to the pod's namespaces, and without a cost for others. */
const SAFE: readonly string[] = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
];

const NAMESPACES: readonly (readonly [RegExp, Namespace])[] = [
  [/^kernel\.(shm|msg)|^kernel\.sem$|^fs\.mqueue\./, "IPC"],
  [/^net\./, "Net"],
];

/** `kernel/shm_rmid_forced` names the same as `kernel.shm_rmid_forced`; a dot of an interface's name then is a slash. */
export function sysctlName(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first !== "/") return name;
  return name.replaceAll(/[./]/g, (separator) => (separator === "/" ? "." : "/"));
}

/** Whether the list of names and prefixes (`kernel.msg*`) has it. */
const isAllowed = (name: string, allowed: readonly string[]): boolean =>
  allowed.some((entry) => (entry.endsWith("*") ? name.startsWith(entry.slice(0, -1)) : name === entry));

/** Undefined when the node takes the pod's settings. @param unsafe what the node's operator allows beside the safe ones */
export function refuseSysctls({ spec }: Pod, unsafe: readonly string[]): Refusal | undefined {
  for (const { name } of spec?.securityContext?.sysctls ?? []) {
    const problem = whyForbidden(sysctlName(name), spec, [...SAFE, ...unsafe]);
    if (problem) return { reason: "SysctlForbidden", message: `forbidden sysctl: "${name}" ${problem}` };
  }
  return undefined;
}

function whyForbidden(name: string, spec: Pod["spec"], allowed: readonly string[]): string | undefined {
  if (!isAllowed(name, allowed)) return "not allowlisted";
  const namespace = NAMESPACES.find(([pattern]) => pattern.test(name))?.[1];
  const shared = namespace === "IPC" ? spec?.hostIPC : namespace === "Net" ? spec?.hostNetwork : false;
  return shared ? `not allowed with host ${namespace} enabled` : undefined;
}
