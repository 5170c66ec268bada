/** The container engine over its socket. The only place that knows dockerode. */
import Docker from "dockerode";
import { setTimeout as sleep } from "node:timers/promises";
import {
  asFilters,
  dial,
  endProcess,
  engine,
  lowestOomScore,
  splitReference,
  unlessStatus,
} from "./docker-calls.ts";
import { containerOptions, restrictions, sandboxOptions } from "./docker-options.ts";
import { exportImage, imageFiles } from "./docker-images.ts";
import { demultiplex, lines, raw } from "./docker-frames.ts";
import { toContainer, toStats, type EngineInfo, type EngineStats } from "./docker-answers.ts";
import type { KernelLog } from "./kernel-log.ts";
import {
  RuntimeFailure,
  type ImageInfo,
  type Labels,
  type RunState,
  type Runtime,
  type RuntimeEvent,
  type RuntimeSignal,
  type Session,
  type LayerProgress,
} from "./runtime.ts";
import type { Duplex, Readable } from "node:stream";

const RETRY_MS = 500;
const KINDS: Readonly<Record<string, RuntimeEvent["kind"]>> = {
  create: "create",
  start: "start",
  die: "exit",
  destroy: "remove",
  oom: "oom",
  pause: "change",
  unpause: "change",
  update: "change",
};

/** A runtime on the engine at its usual socket; with the kernel's log, it sees who was killed for memory where the engine does not. */
export function createDockerRuntime(kernel?: KernelLog): Runtime {
  const socketPath = "/var/run/docker.sock";
  const docker = new Docker({ socketPath });
  const minOomScore = lowestOomScore();

  const followOnce = async (
    labels: Labels,
    listener: (signal: RuntimeSignal) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    const stream = await engine(
      docker.getEvents({
        filters: JSON.stringify({ type: ["container"], label: asFilters(labels), event: Object.keys(KINDS) }),
        abortSignal: signal,
      }),
    );
    listener({ kind: "connected" });
    for await (const line of lines(stream as Readable)) {
      const event = JSON.parse(line) as { Action?: string; Actor?: { ID?: string } };
      const kind = KINDS[event.Action ?? ""];
      if (kind && event.Actor?.ID) listener({ kind, id: event.Actor.ID });
    }
  };

  const session = (
    socket: Duplex,
    tty: boolean,
    parts: Pick<Session, "resize" | "exitCode" | "kill">,
  ): Session => ({
    stdin: socket,
    output: () => (tty ? raw(socket) : demultiplex(socket)),
    ...parts,
    close: () => void socket.destroy(),
  });

  const imageInfo = (i: {
    Id: string;
    RepoTags?: string[] | null | undefined;
    RepoDigests?: string[] | null | undefined;
    Size: number;
    Created: number | string;
    Config?: { User?: string | undefined } | undefined;
  }): ImageInfo => ({
    id: i.Id,
    tags: (i.RepoTags ?? []).filter((tag) => tag !== "<none>:<none>"),
    digests: (i.RepoDigests ?? []).filter((digest) => digest !== "<none>@<none>"),
    sizeBytes: i.Size,
    user: i.Config?.User ?? "",
    createdAt: typeof i.Created === "number" ? i.Created * 1000 : Date.parse(i.Created),
  });

  return {
    info: async () => {
      const [info, version] = await Promise.all([
        engine(docker.info() as Promise<EngineInfo>),
        engine(docker.version()),
      ]);
      return {
        name: "docker",
        version: version.Version,
        cgroup: info.CgroupVersion === "2" ? 2 : 1,
        cgroupfs: info.CgroupDriver === "cgroupfs",
        osImage: info.OperatingSystem ?? "linux",
        apparmor: (info.SecurityOptions ?? []).some((option) => /^name=apparmor\b/.test(option)),
        rootDir: info.DockerRootDir ?? "/var/lib/docker",
        handlers: Object.keys(info.Runtimes ?? {}).toSorted(),
      };
    },
    follow(labels, listener, signal) {
      const run = async (): Promise<void> => {
        while (!signal.aborted) {
          try {
            await followOnce(labels, listener, signal);
          } catch {
            // The engine is away or restarting: the listener learns it below, and again when it is back.
          }
          if (signal.aborted) return;
          listener({ kind: "lost" });
          await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
        }
      };
      void run();
    },
    list: async (labels) => {
      const filters = JSON.stringify({ label: asFilters(labels) });
      const found = await engine(docker.listContainers({ all: true, filters }));
      return found.map((c) => ({
        id: c.Id,
        state: (c.State === "running" || c.State === "paused"
          ? "running"
          : c.State === "created"
            ? "created"
            : "exited") satisfies RunState,
      }));
    },
    inspect: async (id) => {
      const found = await unlessStatus(docker.getContainer(id).inspect(), 404);
      if (!found) return undefined;
      const container = toContainer(found);
      const unexplained = container.state === "exited" && container.exitCode !== 0 && !container.oomKilled;
      return unexplained && kernel?.hasKilled(id) ? { ...container, oomKilled: true } : container;
    },
    mounts: async (id) => {
      const found = await engine(docker.getContainer(id).inspect());
      return found.Mounts.map(({ Destination, Source }) => ({ target: Destination, source: Source }));
    },
    createSandbox: async (spec) =>
      (await engine(docker.createContainer(sandboxOptions(spec, minOomScore)))).id,
    createContainer: async (spec) =>
      (await engine(docker.createContainer(containerOptions(spec, minOomScore)))).id,
    start: async (id) => {
      await unlessStatus(docker.getContainer(id).start(), 304);
    },
    signal: async (id, signal) => {
      await unlessStatus(docker.getContainer(id).kill({ signal }), 404, 409);
    },
    remove: async (id) => {
      await unlessStatus(docker.getContainer(id).remove({ force: true, v: true }), 404, 409);
    },
    update: async (id, resources) => {
      await engine(docker.getContainer(id).update(restrictions(resources)));
    },
    listVolumes: async (labels) => {
      const filters = JSON.stringify({ label: asFilters(labels) });
      const found = await engine(docker.listVolumes({ filters } as object));
      return (found.Volumes ?? []).map((v) => ({ name: v.Name, labels: v.Labels ?? {} }));
    },
    volumePath: async (name) => (await engine(docker.getVolume(name).inspect())).Mountpoint,
    removeVolume: async (name) => {
      await unlessStatus(docker.getVolume(name).remove(), 404);
    },
    image: async (reference) => {
      const found = await unlessStatus(docker.getImage(reference).inspect(), 404);
      return found && imageInfo(found);
    },
    listImages: async () => (await engine(docker.listImages({ digests: true } as object))).map(imageInfo),
    pull: async (reference, auth, signal, onProgress) => {
      const authconfig = auth && {
        username: auth.username,
        password: auth.password,
        identitytoken: auth.identityToken,
        registrytoken: auth.registryToken,
        serveraddress: auth.serverAddress,
      };
      const stream = await engine(
        docker.createImage((authconfig ?? {}) as object, {
          ...splitReference(reference),
          abortSignal: signal,
        }),
      );
      for await (const line of lines(stream as Readable)) {
        const progress = JSON.parse(line) as LayerProgress & { readonly error?: string };
        if (progress.error) throw new RuntimeFailure(progress.error, 0);
        onProgress?.(progress);
      }
    },
    removeImage: async (reference) => {
      await unlessStatus(docker.getImage(reference).remove(), 404);
    },
    exportImage: (reference, name, labels, read) => exportImage(docker, { reference, name, labels }, read),
    imageFiles: (reference, labels, paths) => imageFiles(docker, { reference, labels }, paths),
    exec: async (id, spec, signal) => {
      const exec = await engine(
        docker.getContainer(id).exec({
          Cmd: [...spec.command],
          AttachStdin: spec.stdin,
          AttachStdout: true,
          AttachStderr: !spec.tty,
          Tty: spec.tty,
          abortSignal: signal,
        }),
      );
      const socket = await engine(exec.start({ hijack: true, stdin: true, Tty: spec.tty }));
      return session(socket, spec.tty, {
        resize: async (columns, rows) => {
          await unlessStatus(exec.resize({ w: columns, h: rows }) as Promise<unknown>, 404, 409, 500);
        },
        exitCode: async () => (await unlessStatus(exec.inspect(), 404))?.ExitCode ?? undefined,
        kill: async () => {
          // The engine cannot end a command; its process is in our own pid namespace, which is the host's.
          const found = await unlessStatus(exec.inspect(), 404);
          if (found?.Running && found.Pid > 1) endProcess(found.Pid);
        },
      });
    },
    attach: async (id, streams, signal) => {
      const container = docker.getContainer(id);
      const socket = (await engine(
        container.attach({
          stream: true,
          stdin: streams.stdin,
          stdout: true,
          stderr: true,
          hijack: true,
          abortSignal: signal,
        }),
      )) as Duplex;
      return session(socket, streams.tty, {
        resize: async (columns, rows) => {
          await unlessStatus(container.resize({ w: columns, h: rows }) as Promise<unknown>, 404, 409, 500);
        },
        exitCode: async () => (await unlessStatus(container.inspect(), 404))?.State.ExitCode,
        kill: async () => {
          await unlessStatus(container.kill(), 404, 409);
        },
      });
    },
    logs: async (id, query, signal) => {
      const container = docker.getContainer(id);
      const { Config } = await engine(container.inspect());
      // Through the client's own `logs`, output that is not followed would be held in memory whole.
      const stream = await engine(
        dial(docker, {
          path: `/containers/${id}/logs?`,
          method: "GET",
          isStream: true,
          abortSignal: signal,
          statusCodes: { 200: true, 404: "no such container", 500: "server error" },
          options: {
            follow: query.follow,
            stdout: true,
            stderr: true,
            timestamps: query.timestamps,
            ...(query.sinceMs === undefined ? {} : { since: query.sinceMs / 1000 }),
            ...(query.tail === undefined ? {} : { tail: query.tail }),
          },
        }),
      );
      return Config.Tty ? raw(stream) : demultiplex(stream);
    },
    stats: async (id) => {
      const options = { stream: false, "one-shot": true } as object;
      const found = await unlessStatus(
        docker.getContainer(id).stats(options) as unknown as Promise<EngineStats>,
        404,
        409,
      );
      return found && toStats(found);
    },
  };
}
