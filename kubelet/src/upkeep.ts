/** What keeps a node usable beside its pods, put together: figures, eviction, garbage collection, shutdown. */
import type { NodeCondition, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { HttpHandler } from "@coracle/shared/process.ts";
import { createEndWatch, type WaitForEnd } from "./eviction/ended.ts";
import type { EndPod } from "./eviction/end-pod.ts";
import { createEvictionManager } from "./eviction/manager.ts";
import { observe, parseDuration, parseThresholds, type Threshold } from "./eviction/signals.ts";
import { createContainerCollector } from "./gc/containers.ts";
import { createImageCollector } from "./gc/images.ts";
import type { PullRecord } from "./gc/pull-record.ts";
import type { Kubelet } from "./kubelet.ts";
import { createShutdown, parseGrace, type ShutdownGrace } from "./shutdown/shutdown.ts";
import { createKubeletHttp, type KubeletHttpOptions } from "./stats/http.ts";
import { imageFilesystem } from "./stats/reading.ts";
import { createStats, type Stats } from "./stats/stats.ts";

export interface UpkeepSettings {
  readonly thresholds: readonly Threshold[];
  /** Undefined: pods are left running when the kubelet stops. */
  readonly shutdown: ShutdownGrace | undefined;
  readonly imageHighPercent: number;
  readonly imageLowPercent: number;
  /** How long a pressure condition is shown after its cause is gone. */
  readonly transitionMs: number | undefined;
  /** The longest grace a soft eviction leaves a pod. */
  readonly maxGraceSeconds: number | undefined;
}

/** @throws Error for a setting that cannot be meant */
export function readUpkeepSettings(env: Readonly<Record<string, string | undefined>>): UpkeepSettings {
  const percent = (name: string, fallback: number): number => {
    const value = Number(env[name] || fallback);
    if (!(value >= 0 && value <= 100)) throw new Error(`${name} is not a percentage: ${env[name]}`);
    return value;
  };
  // Compose passes a variable that is not set as an empty one.
  const text = (name: string): string | undefined => env[name] || undefined;
  const transition = text("CORACLE_EVICTION_PRESSURE_TRANSITION_PERIOD");
  const maxGrace = text("CORACLE_EVICTION_MAX_POD_GRACE_PERIOD");
  if (maxGrace !== undefined && !/^\d+$/.test(maxGrace))
    throw new Error(`CORACLE_EVICTION_MAX_POD_GRACE_PERIOD is not a number of seconds: ${maxGrace}`);
  return {
    thresholds: parseThresholds({
      hard: text("CORACLE_EVICTION_HARD"),
      soft: text("CORACLE_EVICTION_SOFT"),
      softGrace: text("CORACLE_EVICTION_SOFT_GRACE_PERIOD"),
      minReclaim: text("CORACLE_EVICTION_MINIMUM_RECLAIM"),
    }),
    transitionMs: transition === undefined ? undefined : parseDuration(transition),
    maxGraceSeconds: maxGrace === undefined ? undefined : Number(maxGrace),
    shutdown: parseGrace(env["CORACLE_GRACEFUL_SHUTDOWN"]),
    imageHighPercent: percent("CORACLE_IMAGE_GC_HIGH_THRESHOLD", 85),
    imageLowPercent: percent("CORACLE_IMAGE_GC_LOW_THRESHOLD", 80),
  };
}

export interface UpkeepOptions {
  readonly kubelet: Kubelet;
  readonly settings: UpkeepSettings;
  readonly record: PullRecord;
  /** Where the node keeps its own files. */
  readonly dataDirectory: string;
  /** `RuntimeInfo.rootDir`. */
  readonly engineDirectory: string;
  /** The node's status is another one now. */
  readonly onNodeChange: () => void;
  /** Whether a connection to the node's own server may ask about its pods. */
  readonly isAllowed: KubeletHttpOptions["isAllowed"];
  /** Records an event about the node. */
  readonly nodeEvent: (reason: string, message: string, type: "Warning") => void;
}

export interface Upkeep {
  readonly stats: Stats;
  readonly http: HttpHandler;
  readonly ended: WaitForEnd;
  /** The pressure conditions of the node's status. */
  conditions(before: readonly NodeCondition[]): NodeCondition[];
  /** Why the node is not ready; undefined when nothing here speaks against it. */
  notReady(): string | undefined;
  /** Why a pod is refused; undefined when nothing here speaks against it. */
  admit(pod: Pod): { readonly reason: string; readonly message: string } | undefined;
  /** Ends the pods in an orderly way, if that is wanted at all. */
  shutDown(): Promise<void>;
  /** Resolves when the signal has ended it. */
  run(): Promise<void>;
}

/** Nothing runs before `run` is called, but for the collection of ended containers. */
export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { kubelet, settings } = options;
  const { ctx } = kubelet;
  const { engine, runtime, log, signal, events, now } = ctx;
  const pods = (): Pod[] =>
    [...kubelet.pods.runs()].filter((run) => run.source !== "orphan" && !run.gone).map((run) => run.pod);
  const containers = () => [...engine.pods()].flatMap((uid) => [...engine.ofPod(uid)]);
  const ended = createEndWatch(engine);
  const end: EndPod = (pod, { graceSeconds, ...verdict }) =>
    void kubelet.pods.evict(pod.metadata.uid ?? "", verdict, graceSeconds);
  const nodeEvent = (reason: string, message: string): void => options.nodeEvent(reason, message, "Warning");

  const stats = createStats({
    node: ctx.node.name,
    runtime,
    containers,
    ofPod: (uid) => engine.ofPod(uid),
    pods,
    dataDirectory: options.dataDirectory,
    engineDirectory: options.engineDirectory,
    part: { memoryBytes: ctx.config.nodeMemoryBytes, pids: ctx.config.nodePids },
    signal,
  });
  const directories = { nodeDirectory: options.dataDirectory, engineDirectory: options.engineDirectory };
  const dead = createContainerCollector({
    runtime,
    engine,
    hasEnded: (uid) => kubelet.pods.get(uid)?.over === true,
    log,
    signal,
  });
  const images = createImageCollector({
    runtime,
    record: options.record,
    lastUsed: (id) => ctx.images.lastUsed(id),
    wanted: () => imagesOf(pods()),
    disk: () => imageFilesystem(stats.host, directories),
    event: nodeEvent,
    log,
    signal,
    now,
    highPercent: settings.imageHighPercent,
    lowPercent: settings.imageLowPercent,
  });
  const eviction = createEvictionManager({
    thresholds: settings.thresholds,
    observe: () => observe(stats, directories),
    pods,
    readings: async () => (await stats.reading()).pods,
    disk: (pod, maxAgeMs) => stats.disk(pod, maxAgeMs),
    end,
    ended,
    freeDisk: async () => {
      await dead.free();
      await images.freeAll();
    },
    onConditions: options.onNodeChange,
    transitionMs: settings.transitionMs,
    maxGraceSeconds: settings.maxGraceSeconds,
    podEvent: (pod, reason, message) =>
      events.record({ apiVersion: "v1", kind: "Pod", metadata: pod.metadata }, "Warning", reason, message),
    nodeEvent,
    log,
    signal,
    now,
  });
  const shutdown =
    settings.shutdown &&
    createShutdown({
      grace: settings.shutdown,
      pods,
      end,
      ended,
      publishNode: options.onNodeChange,
      flush: async () => {
        await Promise.all(pods().map((pod) => ctx.statuses.flushed(pod.metadata.uid ?? "")));
      },
      log,
    });
  return {
    stats,
    http: createKubeletHttp({
      stats,
      pods,
      containers,
      configuration: () => configuration(ctx, settings),
      isAllowed: options.isAllowed,
      probes: () => ctx.probeMetrics.text(),
    }),
    ended,
    conditions: (before) => eviction.conditions(before),
    notReady: () => shutdown?.notReady(),
    admit: (pod) => shutdown?.admit() ?? eviction.admit(pod),
    shutDown: async () => shutdown?.run(),
    run: async () => {
      await Promise.all([eviction.run(), images.run()]);
    },
  };
}

const imagesOf = (pods: readonly Pod[]): string[] =>
  pods.flatMap(({ spec }) =>
    [
      ...(spec?.containers ?? []),
      ...(spec?.initContainers ?? []),
      ...(spec?.ephemeralContainers ?? []),
    ].flatMap((c) => c.image ?? []),
  );

/** The settings under upstream's names. */
const configuration = ({ config }: Kubelet["ctx"], settings: UpkeepSettings): object => ({
  kind: "KubeletConfiguration",
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  clusterDomain: config.clusterDomain,
  clusterDNS: [config.clusterDns],
  maxPods: config.maxPods,
  ...(config.podPidsLimit === undefined ? {} : { podPidsLimit: config.podPidsLimit }),
  ...(config.staticPods === undefined ? {} : { staticPodPath: config.staticPods }),
  containerLogMaxSize: String(config.containerLogMaxBytes),
  containerLogMaxFiles: config.containerLogMaxFiles,
  imageGCHighThresholdPercent: settings.imageHighPercent,
  imageGCLowThresholdPercent: settings.imageLowPercent,
  evictionHard: Object.fromEntries(
    settings.thresholds
      .filter((t) => t.graceMs === undefined)
      .map(({ signal, value }) => [
        signal,
        "amount" in value ? String(value.amount) : `${Math.round(value.share * 1e4) / 100}%`,
      ]),
  ),
  shutdownGracePeriod: `${settings.shutdown?.seconds ?? 0}s`,
  shutdownGracePeriodCriticalPods: `${settings.shutdown?.criticalSeconds ?? 0}s`,
});
