/** What the engine is asked for: sandboxes and containers as its create options. */
import type { ContainerCreateOptions, HostConfig } from "dockerode";
import type { ContainerResources, ContainerSpec, EngineVolume, Mount, SandboxSpec } from "./runtime.ts";

/** Paths the engine hides in /proc and /sys; an empty list shows everything. */
const UNMASKED = { MaskedPaths: [], ReadonlyPaths: [] };
/** Of the kernel's scale, the value that keeps the sandbox alive when its containers run out of memory. */
const SANDBOX_OOM_SCORE = -998;

function driverOptions({ memory, mount }: EngineVolume): Record<string, string> {
  if (mount) return { type: mount.type, device: mount.device, o: mount.options };
  if (!memory) return {};
  const size = memory.sizeBytes === undefined ? "" : `size=${memory.sizeBytes},`;
  return { type: "tmpfs", device: "tmpfs", o: `${size}mode=0777` };
}

const placement = ({ handler, cgroup }: SandboxSpec | ContainerSpec): HostConfig => ({
  ...(handler ? { Runtime: handler } : {}),
  ...(cgroup ? { CgroupParent: cgroup } : {}),
});

/** Options of a pod's sandbox: it holds the namespaces and the volumes. */
export function sandboxOptions(spec: SandboxSpec, minOomScore: number): ContainerCreateOptions {
  const joined = spec.network.kind === "joined" ? spec.network.container : undefined;
  return {
    name: spec.name,
    Image: spec.image,
    Labels: { ...spec.labels },
    // The engine refuses a host name for a container that takes another's network, and with it its name.
    ...(joined ? {} : { Hostname: spec.hostname }),
    HostConfig: {
      ...placement(spec),
      NetworkMode: joined ? `container:${joined}` : "none",
      IpcMode: spec.hostIpc ? "host" : "shareable",
      PidMode: spec.hostPid ? "host" : "",
      ...(Object.keys(spec.sysctls).length > 0 ? { Sysctls: { ...spec.sysctls } } : {}),
      OomScoreAdj: Math.max(minOomScore, SANDBOX_OOM_SCORE),
      CpuShares: 2,
      LogConfig: { Type: "none", Config: {} },
      ReadonlyRootfs: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      Mounts: spec.volumes.map((volume) => ({
        Type: "volume" as const,
        Source: volume.name,
        Target: volume.target,
        VolumeOptions: {
          NoCopy: true,
          Labels: { ...spec.labels },
          DriverConfig: { Name: "local", Options: driverOptions(volume) },
        },
      })),
    },
  };
}

const mountOption = (mount: Mount): NonNullable<HostConfig["Mounts"]>[number] =>
  mount.type === "volume"
    ? {
        Type: "volume",
        Source: mount.source,
        Target: mount.target,
        ReadOnly: mount.readOnly,
        VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: "local", Options: {} } },
      }
    : {
        Type: "bind",
        Source: mount.source,
        Target: mount.target,
        ReadOnly: mount.readOnly,
        // Left to the engine unless asked for: below its own root it insists on rslave.
        ...(mount.propagation ? { BindOptions: { Propagation: mount.propagation } } : {}),
      };

/** The part of the options that may change while a container runs. */
export const restrictions = (r: ContainerResources): Partial<HostConfig> => ({
  ...(r.cpuShares === undefined ? {} : { CpuShares: r.cpuShares }),
  ...(r.cpuQuota === undefined ? {} : { CpuQuota: r.cpuQuota, CpuPeriod: r.cpuPeriod ?? 100_000 }),
  // Swap must not extend what the pod's author limited.
  ...(r.memoryBytes === undefined ? {} : { Memory: r.memoryBytes, MemorySwap: r.memoryBytes }),
  ...(r.pidsLimit === undefined ? {} : { PidsLimit: r.pidsLimit }),
});

function securityOptions(spec: ContainerSpec): string[] {
  const { security } = spec;
  return [
    ...(security.noNewPrivileges ? ["no-new-privileges"] : []),
    ...(security.seccomp === undefined ? [] : [`seccomp=${security.seccomp}`]),
    ...(security.apparmor === undefined ? [] : [`apparmor=${security.apparmor}`]),
    ...(security.selinux ?? []).map((label) => `label=${label}`),
  ];
}

/** Options of a pod's container, which joins its sandbox. */
export function containerOptions(spec: ContainerSpec, minOomScore: number): ContainerCreateOptions {
  const { security } = spec;
  const pid = spec.pid === "host" ? "host" : spec.pid === "own" ? "" : `container:${spec.pid.container}`;
  return {
    name: spec.name,
    Image: spec.image,
    Labels: { ...spec.labels },
    Env: [...spec.env],
    ...(spec.command ? { Entrypoint: [...spec.command] } : {}),
    ...(spec.args ? { Cmd: [...spec.args] } : {}),
    ...(spec.workingDir ? { WorkingDir: spec.workingDir } : {}),
    ...(security.user === undefined ? {} : { User: security.user }),
    ...(spec.stopSignal ? { StopSignal: spec.stopSignal } : {}),
    Tty: spec.tty,
    OpenStdin: spec.stdin,
    StdinOnce: spec.stdinOnce,
    // Health checks are the pod's probes; an image's own would only cost.
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      ...placement(spec),
      NetworkMode: `container:${spec.sandbox}`,
      IpcMode: spec.hostIpc ? "host" : `container:${spec.sandbox}`,
      PidMode: pid,
      Mounts: spec.mounts.map(mountOption),
      Devices: (spec.devices ?? []).map(({ source, target, permissions }) => ({
        PathOnHost: source,
        PathInContainer: target,
        CgroupPermissions: permissions,
      })),
      OomScoreAdj: Math.max(minOomScore, spec.oomScoreAdj),
      ...restrictions(spec.resources),
      GroupAdd: [...security.groups],
      CapAdd: [...security.capAdd],
      CapDrop: [...security.capDrop],
      Privileged: security.privileged,
      ReadonlyRootfs: security.readOnlyRoot,
      SecurityOpt: securityOptions(spec),
      ...(security.unmaskedProc ? UNMASKED : {}),
      LogConfig: {
        Type: "json-file",
        Config: { "max-size": String(spec.logs.maxBytes), "max-file": String(spec.logs.maxFiles) },
      },
    },
  };
}
