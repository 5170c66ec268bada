/** An engine in memory, for tests and hollow nodes: containers are entries that run until they are ended. */
import { createHash, randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import {
  RuntimeFailure,
  type ContainerSpec,
  type ImageInfo,
  type Labels,
  type Runtime,
  type RuntimeContainer,
  type RuntimeEvent,
  type RuntimeSignal,
  type SandboxSpec,
  type Session,
} from "./runtime.ts";

/** How a container behaves: it ends by itself, or when it gets a signal that it heeds. */
export interface Behaviour {
  readonly exitAfterMs?: number | undefined;
  readonly exitCode?: number | undefined;
  /** SIGTERM does not end it. */
  readonly stubborn?: boolean | undefined;
  readonly output?: string | undefined;
}

export interface FakeRuntimeOptions {
  /** By default everything runs until it is ended. */
  readonly behaviour?: ((spec: ContainerSpec) => Behaviour) | undefined;
  /** Images that are there; by default every image is. */
  readonly images?: readonly string[] | undefined;
  /** Images that can be pulled; by default none that is not there. */
  readonly registry?: readonly string[] | undefined;
  /** Called before each change: a test throws here to break it, or waits. */
  readonly before?: ((operation: string, name: string) => void | Promise<void>) | undefined;
}

export interface FakeRuntime extends Runtime {
  /** The engine goes away with everything that ran, and comes back. */
  crash(): void;
}

interface Entry {
  container: RuntimeContainer;
  readonly behaviour: Behaviour;
  readonly uses: string | undefined;
  readonly volumes: readonly string[];
  readonly log: string;
  timer: NodeJS.Timeout | undefined;
}

const KILLED = 137;
const TERMINATED = 143;
const hasLabels = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value);

export function createFakeRuntime(options: FakeRuntimeOptions = {}): FakeRuntime {
  const entries = new Map<string, Entry>();
  const volumes = new Map<string, { readonly labels: Labels }>();
  const listeners = new Set<{ labels: Labels; hear: (signal: RuntimeSignal) => void }>();
  const present = options.images && new Set(options.images);
  let pids = 1000;

  const before = async (operation: string, name: string): Promise<void> => options.before?.(operation, name);
  const find = (id: string): Entry | undefined =>
    entries.get(id) ?? [...entries.values()].find(({ container }) => container.name === id);
  const must = (id: string): Entry => {
    const entry = find(id);
    if (!entry) throw new RuntimeFailure(`No such container: ${id}`, 404);
    return entry;
  };
  const tell = (kind: RuntimeEvent["kind"], container: RuntimeContainer): void => {
    for (const { labels, hear } of listeners)
      if (hasLabels(container.labels, labels)) setImmediate(hear, { kind, id: container.id });
  };
  const imageOf = (reference: string): ImageInfo | undefined =>
    present && !present.has(reference)
      ? undefined
      : {
          id: `sha256:${createHash("sha256").update(reference).digest("hex")}`,
          tags: [reference],
          digests: [],
          sizeBytes: 1_000_000,
          user: "",
          createdAt: 0,
        };
  const add = (
    spec: SandboxSpec | ContainerSpec,
    rest: Pick<Entry, "behaviour" | "uses" | "volumes" | "log">,
  ): string => {
    if ([...entries.values()].some(({ container }) => container.name === spec.name))
      throw new RuntimeFailure(`Conflict. The container name "/${spec.name}" is already in use`, 409);
    const image = imageOf(spec.image);
    if (!image) throw new RuntimeFailure(`No such image: ${spec.image}`, 404);
    const id = randomBytes(32).toString("hex");
    const container: RuntimeContainer = {
      id,
      name: spec.name,
      labels: spec.labels,
      image: spec.image,
      imageId: image.id,
      state: "created",
      pid: 0,
      createdAt: Date.now(),
      startedAt: undefined,
      finishedAt: undefined,
      exitCode: 0,
      oomKilled: false,
      error: "",
      stopSignal: "stopSignal" in spec && spec.stopSignal ? spec.stopSignal : "SIGTERM",
      tty: "tty" in spec && spec.tty,
      stdin: "stdin" in spec && spec.stdin,
    };
    entries.set(id, { container, timer: undefined, ...rest });
    tell("create", container);
    return id;
  };
  const end = (entry: Entry, exitCode: number): void => {
    clearTimeout(entry.timer);
    if (entry.container.state !== "running") return;
    entry.container = { ...entry.container, state: "exited", pid: 0, exitCode, finishedAt: Date.now() };
    tell("exit", entry.container);
  };
  const session = (output: string, tty: boolean): Session => ({
    stdin: new PassThrough().resume(),
    output: async function* () {
      if (output) yield await Promise.resolve({ channel: 1 as const, data: Buffer.from(output) });
    },
    resize: () => (tty ? Promise.resolve() : Promise.reject(new RuntimeFailure("no terminal", 409))),
    exitCode: () => Promise.resolve(0),
    kill: () => Promise.resolve(),
    close: () => undefined,
  });

  return {
    crash() {
      for (const { hear } of listeners) hear({ kind: "lost" });
      for (const entry of entries.values()) {
        clearTimeout(entry.timer);
        if (entry.container.state !== "running") continue;
        const ended = { state: "exited" as const, pid: 0, exitCode: KILLED, finishedAt: Date.now() };
        entry.container = { ...entry.container, ...ended };
      }
      for (const { hear } of listeners) setImmediate(hear, { kind: "connected" });
    },
    info: () =>
      Promise.resolve({
        name: "fake",
        version: "1",
        cgroup: 2 as const,
        cgroupfs: false,
        osImage: "none",
        apparmor: false,
        rootDir: "/nonexistent",
        handlers: ["fake"],
      }),
    follow(labels, hear, signal) {
      const listener = { labels, hear };
      listeners.add(listener);
      signal.addEventListener("abort", () => listeners.delete(listener), { once: true });
      setImmediate(hear, { kind: "connected" });
    },
    list: (labels) =>
      Promise.resolve(
        [...entries.values()]
          .filter(({ container }) => hasLabels(container.labels, labels))
          .map(({ container: { id, state } }) => ({ id, state })),
      ),
    inspect: (id) => Promise.resolve(find(id)?.container),
    mounts: () => Promise.resolve([]),
    createSandbox: async (spec) => {
      await before("createSandbox", spec.name);
      for (const { name } of spec.volumes) if (!volumes.has(name)) volumes.set(name, { labels: spec.labels });
      const id = add(spec, {
        behaviour: {},
        uses: undefined,
        volumes: spec.volumes.map((v) => v.name),
        log: "",
      });
      await before("createdSandbox", spec.name);
      return id;
    },
    createContainer: async (spec) => {
      await before("createContainer", spec.name);
      must(spec.sandbox);
      const behaviour = options.behaviour?.(spec) ?? {};
      const used = spec.mounts.flatMap((mount) => (mount.type === "volume" ? [mount.source] : []));
      const id = add(spec, { behaviour, uses: spec.sandbox, volumes: used, log: behaviour.output ?? "" });
      await before("createdContainer", spec.name);
      return id;
    },
    start: async (id) => {
      const entry = must(id);
      await before("start", entry.container.name);
      if (entry.container.state === "running") return;
      if (entry.uses && find(entry.uses)?.container.state !== "running")
        throw new RuntimeFailure("cannot join network of a non running container", 409);
      entry.container = { ...entry.container, state: "running", pid: pids++, startedAt: Date.now() };
      tell("start", entry.container);
      const { exitAfterMs, exitCode = 0 } = entry.behaviour;
      if (exitAfterMs !== undefined) entry.timer = setTimeout(() => end(entry, exitCode), exitAfterMs);
      await before("started", entry.container.name);
    },
    signal: async (id, signal) => {
      const entry = find(id);
      await before("signal", entry?.container.name ?? id);
      if (!entry) return;
      if (signal === "SIGKILL") end(entry, KILLED);
      else if (!entry.behaviour.stubborn) end(entry, TERMINATED);
    },
    remove: async (id) => {
      const entry = find(id);
      await before("remove", entry?.container.name ?? id);
      if (!entry) return;
      end(entry, KILLED);
      entries.delete(entry.container.id);
      tell("remove", entry.container);
      await before("removed", entry.container.name);
    },
    update: (id) => Promise.resolve(void must(id)),
    listVolumes: (labels) =>
      Promise.resolve(
        [...volumes]
          .filter(([, v]) => hasLabels(v.labels, labels))
          .map(([name, v]) => ({ name, labels: v.labels })),
      ),
    volumePath: (name) =>
      volumes.has(name)
        ? Promise.resolve(`/nonexistent/${name}`)
        : Promise.reject(new RuntimeFailure(`no such volume: ${name}`, 404)),
    removeVolume: async (name) => {
      await before("removeVolume", name);
      if ([...entries.values()].some((entry) => entry.volumes.includes(name)))
        throw new RuntimeFailure(`remove ${name}: volume is in use`, 409);
      volumes.delete(name);
    },
    image: (reference) => Promise.resolve(imageOf(reference)),
    listImages: () => Promise.resolve([...(present ?? [])].flatMap((name) => imageOf(name) ?? [])),
    pull: async (reference) => {
      await before("pull", reference);
      if (!options.registry?.includes(reference))
        throw new RuntimeFailure(`manifest for ${reference} not found: manifest unknown`, 404);
      present?.add(reference);
    },
    removeImage: (reference) => Promise.resolve(void present?.delete(reference)),
    imageFiles: (_reference, _labels, paths) => Promise.resolve(paths.map(() => undefined)),
    exportImage: (reference) => Promise.reject(new RuntimeFailure(`no files of ${reference} in memory`, 501)),
    exec: (id, spec) => {
      if (must(id).container.state !== "running")
        throw new RuntimeFailure(`Container ${id} is not running`, 409);
      return Promise.resolve(
        session(spec.command[0] === "echo" ? `${spec.command.slice(1).join(" ")}\n` : "", spec.tty),
      );
    },
    attach: (id, { tty }) => Promise.resolve(session(must(id).log, tty)),
    logs: async (id) => {
      const { log } = must(id);
      await Promise.resolve();
      return (async function* () {
        if (log) yield await Promise.resolve({ channel: 1 as const, data: Buffer.from(log) });
      })();
    },
    stats: (id) =>
      Promise.resolve(
        find(id)?.container.state === "running"
          ? {
              atMs: Date.now(),
              cpuNanos: 0,
              memoryBytes: 0,
              workingSetBytes: 0,
              rssBytes: 0,
              memoryLimitBytes: 0,
              pageFaults: 0,
              majorPageFaults: 0,
              pids: 1,
            }
          : undefined,
      ),
  };
}
