import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { access, mkdtemp, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";
import { eventually, kubectlBinary, must, root, run } from "./run.ts";

/** Why this machine cannot run an engine for a test; undefined when it can. */
export async function whyNoEngine(): Promise<string | undefined> {
  if (process.platform !== "linux") return "it needs Linux";
  if (process.getuid?.() !== 0) return "it needs root";
  for (const program of ["dockerd", "unshare", "nsenter", "ip", "iptables"]) {
    const found = await run("sh", ["-c", `command -v ${program}`]);
    if (found.code !== 0) return `there is no ${program}`;
  }
  return undefined;
}

export interface OwnEngine extends AsyncDisposable {
  /** Copies images over from the machine's engine. */
  load(...images: string[]): Promise<void>;
  /** Brings a cluster up on it, with settings of its own. */
  up(nodes: number, settings?: Readonly<Record<string, string>>): Promise<void>;
  docker(...args: string[]): Promise<string>;
  kubectl(...args: string[]): Promise<string>;
  /** SIGKILL: as if it had crashed. What it ran goes on running. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Undefined: all its files are on the machine's. */
  readonly disk: SmallDisk | undefined;
}

/**
 * A Docker engine beside the machine's, with directories and a network namespace of its own, so that nothing done to it is felt
 * elsewhere. What is asked of it is asked from inside of that namespace.
 */
export async function createOwnEngine(
  cluster: string,
  options: { readonly ownDisk?: boolean } = {},
): Promise<OwnEngine> {
  const dir = await mkdtemp(join(tmpdir(), "coracle-engine-"));
  const disk = options.ownDisk ? await mountSmallDisk(join(dir, "data")) : undefined;
  const socket = join(dir, "docker.sock");
  const state = join(dir, "state");
  const holder = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
  await once(holder, "spawn");
  const namespace = `--net=/proc/${holder.pid}/ns/net`;
  const env = {
    DOCKER_HOST: `unix://${socket}`,
    CORACLE_DOCKER_SOCKET: socket,
    CORACLE_CLUSTER: cluster,
    CORACLE_STATE: state,
    CORACLE_PORT: "6443",
    CORACLE_NODES_SUBNET: "172.30.0.0/24",
  };
  const inside = (...command: string[]): Promise<string> =>
    must("nsenter", [namespace, ...command], { env, timeoutMs: 180_000 });
  const answers = async (): Promise<boolean> => (await run("docker", ["version"], { env })).code === 0;
  let daemon: ChildProcess | undefined;

  const engine: OwnEngine = {
    load: async (...images) => {
      await must("sh", [
        "-c",
        'docker save "$@" | docker --host "$0" load --quiet',
        env.DOCKER_HOST,
        ...images,
      ]);
    },
    disk,
    up: async (nodes, settings = {}) => {
      const composed = ["compose", "--project-name", cluster, "--project-directory", root];
      const more = { ...env, ...settings, CORACLE_NODES: String(nodes) };
      const up = [...composed, "up", "--detach", "--no-build", "--wait"];
      await must("nsenter", [namespace, "docker", ...up], { env: more, timeoutMs: 180_000 });
    },
    docker: (...args) => must("docker", args, { env, timeoutMs: 180_000 }),
    kubectl: (...args) => inside(kubectlBinary, "--kubeconfig", join(state, "kubeconfig"), ...args),
    kill: async () => {
      const containerd = await readFile(join(dir, "exec/containerd/containerd.pid"), "utf8");
      const ended = daemon && once(daemon, "exit");
      daemon?.kill("SIGKILL");
      await ended;
      // Its containerd goes with it, a moment later; one that is started before that fails.
      await eventually("its containerd has ended", () =>
        access(`/proc/${containerd.trim()}`).then(
          () => false,
          () => true,
        ),
      );
      await rm(join(dir, "docker.pid"), { force: true });
    },
    start: async () => {
      const log = openSync(join(dir, "dockerd.log"), "a");
      const places = ["--data-root", join(dir, "data"), "--exec-root", join(dir, "exec")];
      const files = ["--pidfile", join(dir, "docker.pid"), "--host", env.DOCKER_HOST];
      const command = [namespace, "dockerd", ...places, ...files, "--log-level", "warn"];
      daemon = spawn("nsenter", command, { stdio: ["ignore", log, log] });
      await eventually("the engine answers", answers, 120_000);
    },
    async [Symbol.asyncDispose]() {
      const all = (await run("docker", ["ps", "--all", "--quiet"], { env })).stdout
        .split("\n")
        .filter(Boolean);
      if (all.length > 0) await run("docker", ["rm", "--force", "--volumes", ...all], { env });
      const ended =
        daemon?.exitCode === null && daemon.signalCode === null ? once(daemon, "exit") : undefined;
      daemon?.kill("SIGTERM");
      await ended;
      holder.kill("SIGKILL");
      await unmountBelow(dir);
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  // Until then what enters it is in the machine's own.
  await eventually("the network namespace is there", async () => {
    const [theirs, ours] = await Promise.all(
      [`${holder.pid}`, "self"].map((p) => readlink(`/proc/${p}/ns/net`)),
    );
    return theirs !== ours;
  });
  await must("nsenter", [namespace, "ip", "link", "set", "lo", "up"]);
  await engine.start();
  return engine;
}

/** An engine mounts its own directory on itself, once for each start, and one that was killed leaves that behind. */
async function unmountBelow(dir: string): Promise<void> {
  const mounts = (await readFile("/proc/self/mounts", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((at) => at.startsWith(`${dir}/`)).toReversed())
    await run("umount", ["--lazy", mount]);
}
