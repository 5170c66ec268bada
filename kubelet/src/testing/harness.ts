/** A kubelet for tests: the real engine or the fake one, an API in memory, and everything removed at the end. */
import { randomUUID } from "node:crypto";
import { mkdtemp, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod, PodSpec, Service } from "@coracle/shared/api/generated/core-v1.ts";
import { pods as podResource } from "@coracle/shared/api/resources.ts";
import { createLogger } from "@coracle/shared/log.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import { noPodCgroups, type PodCgroups } from "../cgroups/pod-cgroups.ts";
import { readConfig } from "../config.ts";
import { LABEL } from "../container/names.ts";
import { openClaimRecords } from "../devices/claims.ts";
import { createKubelet, type Kubelet, type KubeletParts } from "../kubelet.ts";
import { createHollowNetwork } from "../network/hollow.ts";
import type { NodeNetwork } from "../network/node-network.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { createNodeStorage } from "../storage.ts";
import { createMemoryClient, type MemoryClient } from "./memory-client.ts";

export interface RecordedEvent {
  readonly pod: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

export interface Harness {
  readonly client: MemoryClient;
  readonly events: RecordedEvent[];
  readonly identity: { readonly cluster: string; readonly node: string };
  readonly runtime: Runtime;
  readonly data: string;
  /** The kubelet that runs now. */
  kubelet(): Kubelet;
  run(name: string, spec: PodSpec, extra?: Partial<Pod["metadata"]>): Pod;
  /** A graceful deletion, as the API server marks it. */
  deletePod(name: string, graceSeconds?: number): void;
  /** Ends the kubelet as `kill -9` would, and starts another one over the same node. */
  restart(): Promise<void>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface HarnessOptions {
  readonly runtime: Runtime;
  readonly network?: NodeNetwork | undefined;
  readonly services?: readonly Service[] | undefined;
  readonly now?: (() => number) | undefined;
  readonly admit?: KubeletParts["admit"] | undefined;
  readonly cgroups?: PodCgroups | undefined;
  /** Without a file system of containers: the fake engine. */
  readonly hollow?: boolean | undefined;
}

export const NAMESPACE = "test";

export async function createHarness(options: HarnessOptions): Promise<Harness> {
  const { runtime } = options;
  const client = createMemoryClient();
  const events: RecordedEvent[] = [];
  const identity = { cluster: "kubelet-test", node: `node-${randomUUID().slice(0, 8)}` };
  const data = await mkdtemp(join(tmpdir(), "kubelet-test-"));
  const log = createLogger("kubelet-test");
  log.level = process.env["CORACLE_LOG_LEVEL"] ?? "error";
  const place = createNodeStorage({ here: data, engine: data });
  const storage = options.hollow ? { ...place, rootOf: () => undefined } : place;
  const network = options.network ?? createHollowNetwork();
  if (!network.ready) await network.configure("10.244.9.0/24");
  let stop = new AbortController();

  const launch = async (): Promise<Kubelet> => {
    const kubelet = createKubelet({
      config: readConfig({ CORACLE_CLUSTER: identity.cluster, CORACLE_DATA: data }),
      identity,
      node: {
        name: identity.node,
        hostIPs: ["172.30.0.9"],
        allocatable: { cpu: "2", memory: "4Gi" },
        memoryBytes: 4 * 2 ** 30,
        containerId: undefined,
        resolvConf: () => ({ servers: ["9.9.9.9"], searches: [], options: [] }),
        networkNamespace: await readlink("/proc/self/ns/net"),
      },
      runtime,
      network,
      storage,
      claimRecords: await openClaimRecords(join(data, "claims.json"), log),
      client,
      events: {
        record: (object, type, reason, message) =>
          void events.push({ pod: object.metadata.name ?? "", type, reason, message }),
        flush: () => Promise.resolve(),
      },
      cgroups: options.cgroups ?? noPodCgroups,
      handlers: { classOf: () => undefined, known: [] },
      services: () => options.services ?? [],
      admit: options.admit ?? (() => undefined),
      log,
      now: options.now ?? Date.now,
      signal: stop.signal,
    });
    await kubelet.ctx.engine.synced(stop.signal);
    return kubelet;
  };
  let kubelet = await launch();
  const known = new Map<string, Pod>();

  const harness: Harness = {
    client,
    events,
    identity,
    runtime,
    data,
    kubelet: () => kubelet,
    run(name, spec, extra) {
      const pod: Pod = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace: NAMESPACE, uid: randomUUID(), generation: 1, ...extra },
        spec: { nodeName: identity.node, ...spec },
        status: { phase: "Pending" },
      };
      known.set(name, pod);
      client.put(podResource, pod);
      kubelet.pods.setPod(pod);
      return pod;
    },
    deletePod(name, graceSeconds = 30) {
      const pod = client.pod(NAMESPACE, name);
      if (!pod) throw new Error(`no pod ${name}`);
      const deleted: Pod = {
        ...pod,
        metadata: {
          ...pod.metadata,
          deletionTimestamp: formatTime(Date.now() + graceSeconds * 1000),
          deletionGracePeriodSeconds: graceSeconds,
        },
      };
      client.put(podResource, deleted);
      kubelet.pods.setPod(deleted);
    },
    restart: async () => {
      stop.abort();
      stop = new AbortController();
      kubelet = await launch();
      for (const name of known.keys()) {
        const pod = client.pod(NAMESPACE, name);
        if (pod) kubelet.pods.setPod(pod);
      }
      await kubelet.pods.removeOrphans();
    },
    stop: async () => {
      stop.abort();
      const labels = { [LABEL.cluster]: identity.cluster, [LABEL.node]: identity.node };
      await Promise.all((await runtime.list(labels)).map(({ id }) => runtime.remove(id)));
      for (const { name } of await runtime.listVolumes(labels)) await runtime.removeVolume(name);
      await rm(data, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => harness.stop(),
  };
  return harness;
}
