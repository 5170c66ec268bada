import type {
  PodSpec,
  Probe,
  LifecycleHandler,
  SELinuxOptions,
} from "@coracle/shared/api/generated/core-v1.ts";
import {
  containers,
  containersOf,
  namesWhere,
  plural,
  quoted,
  setters,
  type AnyContainer,
  type Check,
} from "./check.ts";

const appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";

const appArmor: Check = ({ spec, annotations }) => {
  const bad = (type: string | undefined): boolean =>
    type !== undefined && type !== "RuntimeDefault" && type !== "Localhost";
  const names = namesWhere(spec, (c) => bad(c.securityContext?.appArmorProfile?.type));
  const pod = bad(spec.securityContext?.appArmorProfile?.type);
  const notes = Object.entries(annotations).filter(
    ([key, value]) =>
      key.startsWith(appArmorPrefix) &&
      value !== "" &&
      value !== "runtime/default" &&
      !value.startsWith("localhost/"),
  );
  if (!pod && names.length === 0 && notes.length === 0) return undefined;
  const details = [
    ...(pod || names.length > 0
      ? [`${setters(pod, names)} must not set AppArmor profile type to "Unconfined"`]
      : []),
    ...(notes.length > 0
      ? [
          `${notes.length === 1 ? "annotation" : "annotations"} ${notes.map(([k, v]) => `${JSON.stringify(k)}=${JSON.stringify(v)}`).join(", ")}`,
        ]
      : []),
  ];
  return { reason: "forbidden AppArmor profile", detail: details.join("; ") };
};

const defaultCapabilities = new Set([
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
]);

/** Capabilities that containers add beyond the allowed ones. */
export function addedCapabilities(spec: PodSpec, allowed: ReadonlySet<string>): string | undefined {
  const beyond = (c: AnyContainer): string[] =>
    (c.securityContext?.capabilities?.add ?? []).filter((capability) => !allowed.has(capability));
  const names = namesWhere(spec, (c) => beyond(c).length > 0);
  if (names.length === 0) return undefined;
  const added = containersOf(spec)
    .flatMap(beyond)
    .toSorted((a, b) => (a < b ? -1 : 1));
  return `${containers(names)} must not include ${quoted(added)} in securityContext.capabilities.add`;
}

export const capabilities: Check = ({ spec }) => {
  const detail = addedCapabilities(spec, defaultCapabilities);
  return detail ? { reason: "non-default capabilities", detail } : undefined;
};

const hostNamespaces: Check = ({ spec }) => {
  const set = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((f) => spec[f]);
  return set.length > 0
    ? { reason: "host namespaces", detail: set.map((f) => `${f}=true`).join(", ") }
    : undefined;
};

export const hostPathVolumes: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter((v) => v.hostPath).map((v) => v.name);
  return names.length > 0 ? { reason: "hostPath volumes", detail: plural("volume", names) } : undefined;
};

const hostPorts: Check = ({ spec }) => {
  const used = (c: AnyContainer): number[] =>
    (c.ports ?? []).flatMap((p) => (p.hostPort ? [p.hostPort] : []));
  const names = namesWhere(spec, (c) => used(c).length > 0);
  if (names.length === 0) return undefined;
  const ports = [...new Set(containersOf(spec).flatMap(used))].toSorted((a, b) => a - b);
  const verb = names.length === 1 ? "uses" : "use";
  return {
    reason: "hostPort",
    detail: `${containers(names)} ${verb} hostPort${ports.length === 1 ? "" : "s"} ${ports.join(", ")}`,
  };
};

const handlerHosts = (handler: Probe | LifecycleHandler | undefined): string[] =>
  [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((h): h is string => h !== undefined && h !== "");

const probeHosts: Check = ({ spec }) => {
  const hosts = (c: AnyContainer): string[] =>
    [c.livenessProbe, c.readinessProbe, c.startupProbe, c.lifecycle?.postStart, c.lifecycle?.preStop].flatMap(
      handlerHosts,
    );
  const names = namesWhere(spec, (c) => hosts(c).length > 0);
  if (names.length === 0) return undefined;
  return {
    reason: "probe or lifecycle host",
    detail: `${containers(names)} ${names.length === 1 ? "uses" : "use"} probe or lifecycle host${names.length === 1 ? "" : "s"} ${quoted(containersOf(spec).flatMap(hosts))}`,
  };
};

const privileged: Check = ({ spec }) => {
  const names = namesWhere(spec, (c) => c.securityContext?.privileged === true);
  if (names.length === 0) return undefined;
  return {
    reason: "privileged",
    detail: `${containers(names)} must not set securityContext.privileged=true`,
  };
};

const procMount: Check = ({ spec }) => {
  const bad = (c: AnyContainer): boolean => (c.securityContext?.procMount ?? "Default") !== "Default";
  const names = namesWhere(spec, bad);
  if (names.length === 0) return undefined;
  const types = containersOf(spec)
    .filter(bad)
    .map((c) => c.securityContext?.procMount ?? "");
  return {
    reason: "procMount",
    detail: `${containers(names)} must not set securityContext.procMount to ${quoted(types)}`,
  };
};

const seLinuxTypes = new Set([
  "",
  "container_t",
  "container_init_t",
  "container_kvm_t",
  "container_engine_t",
]);

const seLinuxOptions: Check = ({ spec }) => {
  const types: string[] = [];
  let user = false;
  let role = false;
  const bad = (options: SELinuxOptions | undefined): boolean => {
    const type = options?.type ?? "";
    if (!seLinuxTypes.has(type)) types.push(type);
    user ||= Boolean(options?.user);
    role ||= Boolean(options?.role);
    return !seLinuxTypes.has(type) || Boolean(options?.user) || Boolean(options?.role);
  };
  const pod = bad(spec.securityContext?.seLinuxOptions);
  const names = namesWhere(spec, (c) => bad(c.securityContext?.seLinuxOptions));
  if (!pod && names.length === 0) return undefined;
  const found = [
    ...(types.length > 0 ? [plural("type", types)] : []),
    ...(user ? ["user may not be set"] : []),
    ...(role ? ["role may not be set"] : []),
  ];
  return {
    reason: "seLinuxOptions",
    detail: `${setters(pod, names)} set forbidden securityContext.seLinuxOptions: ${found.join("; ")}`,
  };
};

export const seccompUnconfined: Check = ({ spec }) => {
  const pod = spec.securityContext?.seccompProfile?.type === "Unconfined";
  const names = namesWhere(spec, (c) => c.securityContext?.seccompProfile?.type === "Unconfined");
  if (!pod && names.length === 0) return undefined;
  return {
    reason: "seccompProfile",
    detail: `${setters(pod, names)} must not set securityContext.seccompProfile.type to "Unconfined"`,
  };
};

const safeSysctls = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
]);

const sysctls: Check = ({ spec }) => {
  const names = (spec.securityContext?.sysctls ?? []).map((s) => s.name).filter((n) => !safeSysctls.has(n));
  return names.length > 0 ? { reason: "forbidden sysctls", detail: names.join(", ") } : undefined;
};

const windowsHostProcess: Check = ({ spec }) => {
  const pod = spec.securityContext?.windowsOptions?.hostProcess === true;
  const names = namesWhere(spec, (c) => c.securityContext?.windowsOptions?.hostProcess === true);
  if (!pod && names.length === 0) return undefined;
  return {
    reason: "hostProcess",
    detail: `${setters(pod, names)} must not set securityContext.windowsOptions.hostProcess=true`,
  };
};

/** In the order of messages. */
export const baselineChecks: readonly Check[] = [
  appArmor,
  capabilities,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  probeHosts,
  privileged,
  procMount,
  seLinuxOptions,
  seccompUnconfined,
  sysctls,
  windowsHostProcess,
];
