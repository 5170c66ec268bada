/**
 * What the kubelet needs of a container engine, and nothing more. `docker.ts` speaks to a real one, `fake.ts` is in memory;
 * `contract.ts` is the suite that both pass.
 */
import type { Duplex, Readable } from "node:stream";

export type Labels = Readonly<Record<string, string>>;

/** A volume of the engine, made with the sandbox that holds it. */
export interface EngineVolume {
  readonly name: string;
  /** Where the sandbox mounts it. */
  readonly target: string;
  /** On a tmpfs of its own: its content is in memory only, and gone with the last container that mounts it. */
  readonly memory?: { readonly sizeBytes?: number | undefined } | undefined;
  /** A file system from elsewhere. */
  readonly mount?: { readonly type: string; readonly device: string; readonly options: string } | undefined;
}

export interface SandboxSpec {
  readonly name: string;
  readonly labels: Labels;
  readonly image: string;
  readonly hostname: string;
  /** `own`: a network namespace with nothing in it; otherwise that of the named container. */
  readonly network: { readonly kind: "own" } | { readonly kind: "joined"; readonly container: string };
  readonly hostIpc: boolean;
  readonly hostPid: boolean;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly volumes: readonly EngineVolume[];
  /** The control group to be made in; absent: the engine's own place. */
  readonly cgroup?: string | undefined;
  /** One of the engine's handlers; absent: its default. */
  readonly handler?: string | undefined;
}

export type Mount =
  | {
      readonly type: "volume";
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  | {
      readonly type: "bind";
      /** A path as the engine sees it. */
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly propagation?: "rslave" | "rshared" | undefined;
    };

/** A device file, as the engine sees it and as the container does. */
export interface ContainerDevice {
  readonly source: string;
  readonly target: string;
  /** Of `rwm`: read, write, make. */
  readonly permissions: string;
}

export interface ContainerResources {
  readonly cpuShares?: number | undefined;
  readonly cpuQuota?: number | undefined;
  readonly cpuPeriod?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly pidsLimit?: number | undefined;
}

export interface ContainerSecurity {
  /** `uid` or `uid:gid`; absent: the image's. */
  readonly user?: string | undefined;
  readonly groups: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  readonly readOnlyRoot: boolean;
  readonly noNewPrivileges: boolean;
  /** `unconfined`, a profile's JSON, or absent for the engine's default. */
  readonly seccomp?: string | undefined;
  readonly apparmor?: string | undefined;
  readonly selinux?: readonly string[] | undefined;
  readonly unmaskedProc: boolean;
}

export interface ContainerSpec {
  readonly name: string;
  readonly labels: Labels;
  readonly image: string;
  /** The sandbox whose network and IPC namespaces it joins. */
  readonly sandbox: string;
  readonly hostIpc: boolean;
  readonly pid: "own" | "host" | { readonly container: string };
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env: readonly string[];
  readonly workingDir?: string | undefined;
  readonly mounts: readonly Mount[];
  readonly devices?: readonly ContainerDevice[] | undefined;
  readonly resources: ContainerResources;
  readonly oomScoreAdj: number;
  readonly security: ContainerSecurity;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly stopSignal?: string | undefined;
  readonly logs: { readonly maxBytes: number; readonly maxFiles: number };
  /** The sandbox's, as its control group is. */
  readonly handler?: string | undefined;
  readonly cgroup?: string | undefined;
}

export type RunState = "created" | "running" | "exited";

/** What the engine knows of a container, sandboxes included. Times are milliseconds since the epoch. */
export interface RuntimeContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
  /** The image as it was asked for, and its id. */
  readonly image: string;
  readonly imageId: string;
  readonly state: RunState;
  readonly pid: number;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Why the engine could not start it. */
  readonly error: string;
  readonly stopSignal: string;
  readonly tty: boolean;
  readonly stdin: boolean;
}

export interface RuntimeEvent {
  readonly id: string;
  readonly kind: "create" | "start" | "exit" | "remove" | "oom" | "change";
}

/** What follows the engine tells its listener; after `lost`, everything may have changed. */
export type RuntimeSignal = RuntimeEvent | { readonly kind: "connected" } | { readonly kind: "lost" };

export interface ImageInfo {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  /** The user the image runs as: "", a name or `uid[:gid]`. */
  readonly user: string;
  readonly createdAt: number;
}

/** One line of the engine's answer to a pull. */
export interface LayerProgress {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

export interface RegistryAuth {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identityToken?: string | undefined;
  readonly registryToken?: string | undefined;
  readonly serverAddress?: string | undefined;
}

export interface ExecSpec {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** A command's or a container's streams. With a terminal everything comes on `stdout`. */
export interface Session {
  readonly stdin: Duplex;
  /** Demultiplexed output, in order; pulls from the engine only as fast as it is read. */
  output(): AsyncIterable<{ readonly channel: 1 | 2; readonly data: Buffer }>;
  resize(columns: number, rows: number): Promise<void>;
  /** After the output has ended. Undefined when the engine no longer knows. */
  exitCode(): Promise<number | undefined>;
  /** Ends what runs in it. */
  kill(): Promise<void>;
  close(): void;
}

export interface LogQuery {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly sinceMs?: number | undefined;
  readonly tail?: number | undefined;
}

export interface ContainerStats {
  readonly atMs: number;
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  /** Without what the kernel can take back at once. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly memoryLimitBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly pids: number;
}

export interface RuntimeInfo {
  /** `docker` and the engine's version. */
  readonly name: string;
  readonly version: string;
  readonly cgroup: 1 | 2;
  /** It makes control groups itself, so that it can be given one by its path. */
  readonly cgroupfs: boolean;
  readonly osImage: string;
  /** It confines containers by AppArmor. */
  readonly apparmor: boolean;
  readonly rootDir: string;
  /** The ways of running containers that it can be asked for by name. */
  readonly handlers: readonly string[];
}

/** The engine refused or failed; `status` is its HTTP code where it has one. */
export class RuntimeFailure extends Error {
  readonly status: number;
  constructor(message: string, status: number, cause?: unknown) {
    super(message, { cause });
    this.name = "RuntimeFailure";
    this.status = status;
  }
}
export const isGone = (error: unknown): boolean => error instanceof RuntimeFailure && error.status === 404;
export const isNameTaken = (error: unknown): boolean =>
  error instanceof RuntimeFailure && error.status === 409;

export interface Runtime {
  info(): Promise<RuntimeInfo>;
  /** Calls back for every change of a container with these labels, until aborted; reconnects by itself. */
  follow(labels: Labels, listener: (signal: RuntimeSignal) => void, signal: AbortSignal): void;
  /** Ids of all containers with these labels, running or not. */
  list(labels: Labels): Promise<readonly { readonly id: string; readonly state: RunState }[]>;
  /** Undefined when there is none. */
  inspect(id: string): Promise<RuntimeContainer | undefined>;
  /** What a container mounts, by the engine's paths: how this process's own files are found for others to bind. */
  mounts(id: string): Promise<readonly { readonly target: string; readonly source: string }[]>;
  createSandbox(spec: SandboxSpec): Promise<string>;
  createContainer(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** No error when it does not run. */
  signal(id: string, signal: string): Promise<void>;
  /** Kills it if it runs, removes it with its anonymous volumes. No error when it is gone. */
  remove(id: string): Promise<void>;
  update(id: string, resources: ContainerResources): Promise<void>;
  listVolumes(labels: Labels): Promise<readonly { readonly name: string; readonly labels: Labels }[]>;
  /** Where the engine keeps a volume's files, by its own paths. */
  volumePath(name: string): Promise<string>;
  /** No error when it is gone. */
  removeVolume(name: string): Promise<void>;
  image(reference: string): Promise<ImageInfo | undefined>;
  listImages(): Promise<readonly ImageInfo[]>;
  pull(
    reference: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
    onProgress?: (line: LayerProgress) => void,
  ): Promise<void>;
  removeImage(reference: string): Promise<void>;
  /** Hands an image's files over as one tar archive. `name` is of what the engine holds for it meanwhile. */
  exportImage(
    reference: string,
    name: string,
    labels: Labels,
    read: (archive: Readable) => Promise<void>,
  ): Promise<void>;
  /** Texts of an image's files, in the order asked for; undefined for what is no regular file there. */
  imageFiles(
    reference: string,
    labels: Labels,
    paths: readonly string[],
  ): Promise<readonly (string | undefined)[]>;
  exec(id: string, spec: ExecSpec, signal: AbortSignal): Promise<Session>;
  attach(
    id: string,
    streams: { readonly stdin: boolean; readonly tty: boolean },
    signal: AbortSignal,
  ): Promise<Session>;
  logs(
    id: string,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<{ readonly channel: 1 | 2; readonly data: Buffer }>>;
  stats(id: string): Promise<ContainerStats | undefined>;
}

export type { Readable };
