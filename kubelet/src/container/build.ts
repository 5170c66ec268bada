/** A container of a pod as the engine's spec: everything from command to mounts. */
import { createHash } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import type { Container } from "@coracle/shared/api/generated/core-v1.ts";
import { podEvent, type PodRun, type SpecContainer, instancesOf } from "../pod.ts";
import type { ContainerSpec, ImageInfo, Mount, RuntimeContainer } from "../runtime/runtime.ts";
import { deviceEdits, withLast } from "../devices/edits.ts";
import { planVolume } from "../volumes/index.ts";
import { checkSubPath, resolveSubPath } from "../volumes/sub-path.ts";
import { ConfigError, makeEnvironment } from "./env.ts";
import { expand, unresolvedReferences } from "./expand.ts";
import { readEnvFile } from "./env-file.ts";
import { nodeHosts, podHostname } from "./dns.ts";
import { resolvConfOf } from "./resolv-conf.ts";
import { containerName, LABEL, podLabels, sandboxVolumePath, volumeName } from "./names.ts";
import { containerResources, oomScore } from "./resources.ts";
import { containerSecurity } from "./security.ts";
import { serviceEnvironment } from "./service-env.ts";

export interface BuildInput {
  readonly run: PodRun;
  readonly container: SpecContainer;
  readonly attempt: number;
  readonly sandbox: RuntimeContainer;
  readonly image: ImageInfo;
}

const DEFAULT_MESSAGE_PATH = "/dev/termination-log";
const ANYONE = 0o666;

/** Of the part of the spec that a running container cannot follow: its image. */
export const specHash = (container: Container): string =>
  createHash("sha256")
    .update(`${container.name}\0${container.image ?? ""}`)
    .digest("hex")
    .slice(0, 16);

/** Where a container's last words are. */
export const messagePlace = (run: PodRun, container: string, attempt: number) =>
  run.ctx.storage.pod(run.uid, "messages", container, String(attempt));

async function makeFile(path: string, text = ""): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "w", ANYONE);
  try {
    await file.chmod(ANYONE);
    if (text) await file.writeFile(text);
  } finally {
    await file.close();
  }
}

type VolumeMount = NonNullable<Container["volumeMounts"]>[number];
type Lookup = (name: string) => string | undefined;

/** What of a volume a mount is for: a path below it, by variables or given. */
function subPathOf(mount: VolumeMount, lookup: Lookup): string | undefined {
  if (!mount.subPathExpr) return mount.subPath;
  const missing = unresolvedReferences(mount.subPathExpr, lookup);
  if (missing.length > 0) throw new ConfigError(`missing value for ${missing.join(", ")}`);
  return expand(mount.subPathExpr, lookup);
}

/** Finds, or makes, the sub-path. What of the node's files stands in the way is not told. */
async function findSubPath(
  { run, container }: BuildInput,
  at: { readonly root: string; readonly fixed: boolean },
  mount: VolumeMount,
  subPath: string,
) {
  try {
    checkSubPath(subPath);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
  try {
    return await resolveSubPath(at.root, subPath, at.fixed);
  } catch (error) {
    // The path, and the error that names it, may hold what an expression took from a Secret.
    const { code = "EINVAL" } = error as NodeJS.ErrnoException;
    run.ctx.log.warn({ code, pod: run.uid, volume: mount.name }, "a sub-path cannot be prepared");
    const which = `volumeMount "${mount.name}" of container "${container.spec.name}"`;
    throw new ConfigError(`failed to prepare subPath for ${which}`);
  }
}

const PROPAGATION: Readonly<Record<string, "rshared" | "rslave">> = {
  Bidirectional: "rshared",
  HostToContainer: "rslave",
};

async function volumeMount(input: BuildInput, mount: VolumeMount, lookup: Lookup): Promise<Mount> {
  const { run, sandbox } = input;
  const source = run.pod.spec?.volumes?.find((v) => v.name === mount.name);
  if (!source) throw new ConfigError(`no such volume: ${mount.name}`);
  if (mount.recursiveReadOnly === "Enabled")
    throw new ConfigError(
      `volume "${mount.name}" requested recursive read-only mode, but it is not supported by the runtime`,
    );
  const subPath = subPathOf(mount, lookup);
  const target = posix.isAbsolute(mount.mountPath) ? mount.mountPath : `/${mount.mountPath}`;
  // A container may be made before its volumes are filled; only where a path-backed one is must be known.
  const plan = planVolume(source, run.pod);
  const path = run.volumes.get(mount.name)?.path;
  const readOnly = mount.readOnly === true || (plan.kind !== "unsupported" && plan.readOnly);
  const propagation = PROPAGATION[mount.mountPropagation ?? ""];
  const engineBacked = plan.kind === "engine";
  // The engine knows propagation for paths only.
  if (engineBacked && !subPath && !propagation)
    return { type: "volume", source: volumeName(run.pod, mount.name), target, readOnly };
  const here = engineBacked
    ? `${run.ctx.storage.rootOf(sandbox.pid) ?? ""}${sandboxVolumePath(mount.name)}`
    : (path?.here ?? "");
  const engine = engineBacked
    ? await run.ctx.runtime.volumePath(volumeName(run.pod, mount.name))
    : (path?.engine ?? "");
  // An image's files are what they are.
  const fixed = engineBacked && plan.fill !== undefined;
  const below = subPath ? await findSubPath(input, { root: here, fixed }, mount, subPath) : "";
  return { type: "bind", source: below ? posix.join(engine, below) : engine, target, readOnly, propagation };
}

/** A pod in the node's network has copies of the node's files for names, with what it asks for beside. */
async function nodeNameFiles(run: PodRun, mounted: ReadonlySet<string>): Promise<Mount[]> {
  const { pod, ctx } = run;
  if (!pod.spec?.hostNetwork) return [];
  const files: [string, string][] = [];
  const policy = pod.spec.dnsPolicy ?? "ClusterFirst";
  if (policy === "ClusterFirstWithHostNet" || policy === "None" || pod.spec.dnsConfig)
    files.push(["/etc/resolv.conf", resolvConfOf(run)]);
  files.push(["/etc/hosts", nodeHosts(pod, await readFile("/etc/hosts", "utf8"))]);
  return Promise.all(
    files
      .filter(([target]) => !mounted.has(target))
      .map(async ([target, text]): Promise<Mount> => {
        const place = ctx.storage.pod(run.uid, "etc", posix.basename(target));
        await makeFile(place.here, text);
        return { type: "bind", source: place.engine, target, readOnly: false };
      }),
  );
}

async function environment({ run, container, sandbox }: BuildInput): Promise<ReadonlyMap<string, string>> {
  const { pod, ctx } = run;
  const namespace = pod.metadata.namespace ?? "";
  const { variables, skipped } = await makeEnvironment({
    pod,
    container: container.spec,
    references: ctx.references.forPod(run.uid),
    services: serviceEnvironment(ctx.services(), namespace, pod.spec?.enableServiceLinks !== false),
    file: (volume, path) =>
      readEnvFile(`${ctx.storage.rootOf(sandbox.pid) ?? ""}${sandboxVolumePath(volume)}`, path),
    addresses: { podIPs: podIPs(run), hostIPs: ctx.node.hostIPs },
    allocatable: ctx.node.allocatable,
  });
  for (const { source, keys } of skipped)
    podEvent(
      run,
      "Warning",
      "InvalidEnvironmentVariableNames",
      `Keys [${keys.join(", ")}] from the EnvFrom ${source} were skipped since they are considered invalid environment variable names.`,
    );
  return variables;
}

export const podIPs = (run: PodRun): readonly string[] =>
  run.pod.spec?.hostNetwork ? run.ctx.node.hostIPs : run.address ? [run.address] : [];

function pidOf({ run, container, sandbox }: BuildInput): ContainerSpec["pid"] {
  const { spec } = run.pod;
  if (spec?.hostPID) return "host";
  const target = (container.spec as { targetContainerName?: string }).targetContainerName;
  const [instance] = container.kind === "ephemeral" && target ? instancesOf(run, target) : [];
  if (instance?.state === "running") return { container: instance.id };
  return spec?.shareProcessNamespace ? { container: sandbox.id } : "own";
}

/**
 * Makes the spec, and the files it binds.
 * @throws ConfigError when the pod asks for something that does not exist or must not be
 */
export async function buildContainer(input: BuildInput): Promise<ContainerSpec> {
  const { run, container, attempt, sandbox, image } = input;
  const { pod, ctx } = run;
  const { spec } = container;
  const variables = await environment(input);
  const lookup: Lookup = (name) => variables.get(name);
  const security = await containerSecurity({
    pod,
    container: spec,
    imageUser: image.user,
    imageUsers: () => ctx.imageUsers(image.id),
    seccompFile: (path) => readFile(join(ctx.storage.host("/var/lib/kubelet/seccomp").here, path), "utf8"),
  });
  const asked = await Promise.all(
    (spec.volumeMounts ?? []).map((mount) => volumeMount(input, mount, lookup)),
  );
  const message = messagePlace(run, spec.name, attempt);
  await makeFile(message.here);
  const edits = await deviceEdits(run, spec);
  const mounts = withLast([...asked, ...edits.mounts]);
  const targets = new Set(mounts.map((mount) => mount.target));
  const messagePath = spec.terminationMessagePath || DEFAULT_MESSAGE_PATH;
  const node = await nodeNameFiles(run, targets);
  const { hostname } = pod.spec?.hostNetwork
    ? { hostname: ctx.node.name }
    : podHostname(pod, ctx.config.clusterDomain);
  return {
    name: containerName(pod, spec.name, attempt),
    labels: {
      ...podLabels(ctx.identity, pod),
      [LABEL.type]: "container",
      [LABEL.container]: spec.name,
      [LABEL.attempt]: String(attempt),
      [LABEL.hash]: specHash(spec),
      [LABEL.resources]: JSON.stringify(spec.resources ?? {}),
      [LABEL.sandbox]: sandbox.id,
    },
    image: spec.image ?? "",
    sandbox: sandbox.id,
    handler: sandbox.labels[LABEL.handler],
    cgroup: sandbox.labels[LABEL.cgroup],
    hostIpc: pod.spec?.hostIPC === true,
    pid: pidOf(input),
    ...(spec.command?.length ? { command: spec.command.map((part) => expand(part, lookup)) } : {}),
    ...(spec.args?.length ? { args: spec.args.map((part) => expand(part, lookup)) } : {}),
    env: [...withDevices(withHome(variables, hostname), edits.env)].map(
      ([name, value]) => `${name}=${value}`,
    ),
    workingDir: spec.workingDir,
    mounts: [
      ...mounts,
      ...(targets.has(messagePath)
        ? []
        : [{ type: "bind" as const, source: message.engine, target: messagePath, readOnly: false }]),
      ...node,
    ],
    devices: edits.devices,
    resources: containerResources(pod, spec, {
      pidsLimit: ctx.config.podPidsLimit,
      grouped: sandbox.labels[LABEL.cgroup] !== undefined,
    }),
    oomScoreAdj: oomScore(pod, spec, ctx.node.memoryBytes),
    security: { ...security, groups: [...security.groups, ...edits.groups] },
    tty: spec.tty === true,
    stdin: spec.stdin === true,
    stdinOnce: spec.stdinOnce === true,
    stopSignal: spec.lifecycle?.stopSignal,
    logs: { maxBytes: ctx.config.containerLogMaxBytes, maxFiles: ctx.config.containerLogMaxFiles },
  };
}

/** Every container knows its pod's host name, as the engine sets it for containers with a network of their own. */
function withHome(variables: ReadonlyMap<string, string>, hostname: string): Map<string, string> {
  const all = new Map([["HOSTNAME", hostname]]);
  for (const [name, value] of variables) all.set(name, value);
  return all;
}

/** Drivers have the last word on what their devices need. */
function withDevices(variables: Map<string, string>, edits: readonly string[]): Map<string, string> {
  for (const edit of edits) {
    const at = edit.indexOf("=");
    if (at > 0) variables.set(edit.slice(0, at), edit.slice(at + 1));
  }
  return variables;
}
