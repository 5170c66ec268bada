/** What all pods of a node share. */
import type { Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { EventRecorder } from "@coracle/shared/client/events.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { KubeletConfig } from "./config.ts";
import type { NodeIdentity } from "./container/names.ts";
import type { PodCgroups } from "./cgroups/pod-cgroups.ts";
import type { Handlers } from "./container/handler.ts";
import type { ResolvConf } from "./container/dns.ts";
import type { DeviceManager } from "./devices/manager.ts";
import type { EngineView } from "./engine-view.ts";
import type { ImageUsers } from "./images/users.ts";
import type { ImageManager } from "./images/manager.ts";
import type { PodNetwork } from "./network/network.ts";
import type { Backoff } from "./plan/backoff.ts";
import type { ProbeMetrics } from "./probes/metrics.ts";
import type { ReferenceStore } from "./references/store.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { StatusWriter } from "./status/writer.ts";
import type { NodeStorage } from "./storage.ts";
import type { TokenSource } from "./volumes/volume.ts";

export interface NodeFacts {
  readonly name: string;
  readonly hostIPs: readonly string[];
  readonly allocatable: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  /** The container this process runs in; undefined outside of one. */
  readonly containerId: string | undefined;
  /** The node's resolver, in a form that pods can reach. */
  resolvConf(): ResolvConf;
  /** Identifies the node's network namespace. */
  readonly networkNamespace: string;
}

export interface KubeletContext {
  readonly config: KubeletConfig;
  readonly identity: NodeIdentity;
  readonly node: NodeFacts;
  readonly runtime: Runtime;
  readonly engine: EngineView;
  readonly network: PodNetwork;
  readonly images: ImageManager;
  readonly references: ReferenceStore;
  readonly tokens: TokenSource;
  readonly probeMetrics: ProbeMetrics;
  readonly devices: DeviceManager;
  readonly storage: NodeStorage;
  readonly client: Client;
  readonly events: EventRecorder;
  readonly statuses: StatusWriter;
  readonly restarts: Backoff;
  services(): Iterable<Service>;
  readonly handlers: Handlers;
  readonly cgroups: PodCgroups;
  readonly imageUsers: (imageId: string) => Promise<ImageUsers>;
  /** Why the node refuses a new pod; undefined when it takes it. */
  admit(pod: Pod): { readonly reason: string; readonly message: string } | undefined;
  readonly log: Logger;
  /** The wall clock, for what is told to others. It may jump. */
  readonly now: () => number;
  /** Milliseconds of a clock that never jumps: for every wait and deadline. */
  readonly steady: () => number;
  readonly signal: AbortSignal;
}
