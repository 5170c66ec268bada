/** Puts a node's parts together, over whatever engine, network and API it is given. */
import type { Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { EventRecorder } from "@coracle/shared/client/events.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { KubeletConfig } from "./config.ts";
import type { PodCgroups } from "./cgroups/pod-cgroups.ts";
import type { Handlers } from "./container/handler.ts";
import { LABEL, nodeLabels, type NodeIdentity } from "./container/names.ts";
import type { KubeletContext, NodeFacts } from "./context.ts";
import type { ClaimRecords } from "./devices/claims.ts";
import { createDeviceManager } from "./devices/manager.ts";
import type { Plugins } from "./devices/plugins.ts";
import { createNodePlugins } from "./devices/start.ts";
import { createEngineView } from "./engine-view.ts";
import type { ImageAccess } from "./images/access.ts";
import { createImageUsers } from "./images/users.ts";
import { createImageManager } from "./images/manager.ts";
import type { PodNetwork } from "./network/network.ts";
import { createBackoff, RESTART_BACKOFF } from "./plan/backoff.ts";
import { createPodManager, type PodManager } from "./pod-manager.ts";
import { createReferenceStore } from "./references/store.ts";
import type { Runtime } from "./runtime/runtime.ts";
import { createStatusWriter } from "./status/writer.ts";
import type { NodeStorage } from "./storage.ts";
import { createProbeMetrics } from "./probes/metrics.ts";
import { createTokenSource } from "./volumes/tokens.ts";

export interface KubeletParts {
  readonly config: KubeletConfig;
  readonly identity: NodeIdentity;
  readonly node: NodeFacts;
  readonly runtime: Runtime;
  readonly network: PodNetwork;
  readonly storage: NodeStorage;
  readonly claimRecords: ClaimRecords;
  readonly imageAccess?: ImageAccess | undefined;
  readonly client: Client;
  readonly events: EventRecorder;
  services(): Iterable<Service>;
  readonly handlers: Handlers;
  readonly cgroups: PodCgroups;
  admit(pod: Pod, manager: PodManager): { reason: string; message: string } | undefined;
  readonly log: Logger;
  readonly now: () => number;
  readonly steady?: (() => number) | undefined;
  readonly signal: AbortSignal;
}

export interface Kubelet {
  readonly ctx: KubeletContext;
  readonly pods: PodManager;
  readonly plugins: Plugins;
}

/** Starts following the engine; pods are handed to `pods`. */
export function createKubelet(parts: KubeletParts): Kubelet {
  const { runtime, config, log, now, signal, client, identity } = parts;
  const engine = createEngineView({ runtime, labels: nodeLabels(identity), log, signal });
  const steady = parts.steady ?? (() => performance.now());
  const plugins = createNodePlugins(parts, () => pods);
  const ctx: KubeletContext = {
    ...parts,
    steady,
    engine,
    images: createImageManager({
      runtime,
      maxParallel: config.maxParallelPulls,
      access: parts.imageAccess,
      log,
      now,
      steady,
      signal,
    }),
    imageUsers: createImageUsers(runtime, { [LABEL.cluster]: identity.cluster }),
    references: createReferenceStore(client, (uid) => pods.wake(uid)),
    tokens: createTokenSource(client, steady, config.tokenMaxAgeMs),
    probeMetrics: createProbeMetrics(),
    devices: createDeviceManager({ client, records: parts.claimRecords, plugins }),
    statuses: createStatusWriter(client, log, signal),
    restarts: createBackoff(RESTART_BACKOFF),
    services: () => parts.services(),
    admit: (pod) => parts.admit(pod, pods),
  };
  const pods: PodManager = createPodManager(ctx);
  return { ctx, pods, plugins };
}
