/** The kubelet process: one node of the cluster. Wiring only. */
import { readFileSync, readlinkSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Node, NodeStatus } from "@coracle/shared/api/generated/core-v1.ts";
import { nodes, pods as podResource, runtimeClasses, services } from "@coracle/shared/api/resources.ts";
import { connectBus } from "@coracle/shared/bus/connect.ts";
import { escapeToken, nodeIdentity } from "@coracle/shared/bus/subjects.ts";
import { createEventRecorder } from "@coracle/shared/client/events.ts";
import { createNatsClient } from "@coracle/shared/client/nats.ts";
import { createFeedInformerFactory } from "@coracle/shared/informer/feed.ts";
import { runProcess, type ProcessContext } from "@coracle/shared/process.ts";
import { refuseForIsolation } from "./admission/isolation.ts";
import { refusePod } from "./admit.ts";
import { createPodCgroups, noPodCgroups } from "./cgroups/pod-cgroups.ts";
import { API_PORT, KUBELET_VERSION, readConfig } from "./config.ts";
import { parseResolvConf, printResolvConf } from "./container/dns.ts";
import { openClaimRecords } from "./devices/claims.ts";
import { serveDevices } from "./devices/start.ts";
import { heldAddresses } from "./engine-view.ts";
import { isMirror } from "./eviction/critical.ts";
import { createImageAccess } from "./images/access.ts";
import { openPullRecord, withPullRecord } from "./gc/pull-record.ts";
import { createKubelet } from "./kubelet.ts";
import { startLogFiles } from "./logs/files.ts";
import { startDnsRelay } from "./network/dns-relay.ts";
import { createHollowNetwork } from "./network/hollow.ts";
import { createNodeNetwork, type Peer } from "./network/node-network.ts";
import { nodeName } from "./metrics.ts";
import { nodeCredentials } from "./node/credentials.ts";
import { createPodDirectory, createUidFinder } from "./node/directory.ts";
import { seedHostFiles } from "./node/host-files.ts";
import { writeNodeNames } from "./node/host-name.ts";
import { findUplink, readMachine } from "./node/facts.ts";
import { watchDns } from "./node/health.ts";
import { runLease } from "./node/lease.ts";
import { KUBELET_PORT, nodeStatus, reservedBy, resourcesOf } from "./node/node-object.ts";
import { nodeNameOf, ownContainer } from "./node/own-container.ts";
import { startRegistration } from "./node/registration.ts";
import { followNotices } from "./references/notices.ts";
import { holdsItsPlace } from "./pod.ts";
import { createDockerRuntime } from "./runtime/docker.ts";
import { createFakeRuntime } from "./runtime/fake.ts";
import { withRuntimeMetrics } from "./runtime/metered.ts";
import { openKernelLog } from "./runtime/kernel-log.ts";
import { startKubeletServer } from "./server/start.ts";
import { delayedSignal } from "./shutdown/shutdown.ts";
import { serveStaticPods } from "./static-pods/start.ts";
import { createNodeStorage, enginePath } from "./storage.ts";
import { createLogHttp } from "./streams/http.ts";
import { createOwnServer } from "./streams/port.ts";
import { serveNodeStreams } from "./streams/serve.ts";
import { createHostReader } from "./stats/host.ts";
import { createUpkeep, readUpkeepSettings, type Upkeep } from "./upkeep.ts";

const env = process.env;
const settings = readUpkeepSettings(env);
/** In a node's directory: what it has pulled. */
const PULL_RECORD = "images.json";
/** And whose devices its drivers have made ready. */
const CLAIM_RECORD = "claims.json";
/** Where a node looks for static pods, on its own file system. */
const STATIC_PODS = "/etc/kubernetes/manifests";
/** To close connections, after the pods have had their time. */
const STOP_MS = 4_500;

async function main({ log, signal: stop, health, serve }: ProcessContext): Promise<void> {
  let upkeep: Upkeep | undefined;
  const signal = settings.shutdown ? delayedSignal(stop, async () => upkeep?.shutDown()) : stop;
  const config = readConfig(env);
  const hollow = config.runtime === "fake";
  const reader = createHostReader();
  // By the engine's own files: this process's have no devices.
  const kernelLog = hollow ? undefined : await reader.enginePath("/dev/kmsg");
  const engine = withRuntimeMetrics(
    hollow ? createFakeRuntime() : createDockerRuntime(openKernelLog(kernelLog)),
  );
  const own = await ownContainer(engine);
  const name = nodeNameOf(env, own);
  nodeName.set({ node: name }, 1);
  const identity = { cluster: config.cluster, node: name };
  const info = await engine.info();
  const here = join(config.data, name);
  await mkdir(here, { recursive: true });
  const record = await openPullRecord(join(here, PULL_RECORD), log, Date.now);
  const runtime = withPullRecord(engine, record, log);
  const mounts = own ? await runtime.mounts(own.id) : [];
  const whole = await readMachine(info, here, KUBELET_VERSION);
  const machine = { ...whole, memoryBytes: config.nodeMemoryBytes ?? whole.memoryBytes };
  const reserved = reservedBy(settings.thresholds, machine);
  const uplink = findUplink(config.nodesSubnet);
  if (!uplink) throw new Error("the node has no network");

  const bus = await connectBus({
    servers: env["CORACLE_NATS"] ?? "tls://nats:4222",
    caFile: join(env["CORACLE_PKI"] ?? "/pki", "ca.crt"),
    authenticator: await nodeCredentials({
      servers: env["CORACLE_NATS"] ?? "tls://nats:4222",
      pki: env["CORACLE_PKI"] ?? "/pki",
      node: name,
      log,
      signal,
    }),
    identity: nodeIdentity(name),
    log,
    signal,
  });
  health.add("bus", () => (bus.connected ? undefined : "not connected"));
  const client = createNatsClient(bus);
  const informers = createFeedInformerFactory({ bus, client, log });
  const events = createEventRecorder({ client, component: "kubelet", host: name, log, signal });
  const nodeCache = informers.for(nodes);
  const podCache = informers.for(podResource, { shard: name });
  const serviceCache = informers.for(services);
  const classCache = informers.for(runtimeClasses);

  const storage = createNodeStorage({ here, engine: enginePath(here, mounts) });
  const claimRecords = await openClaimRecords(join(here, CLAIM_RECORD), log);
  const network = hollow
    ? createHollowNetwork()
    : createNodeNetwork({
        clusterPodCidr: config.podCidr,
        serviceCidr: config.serviceCidr,
        nodesSubnet: config.nodesSubnet,
        apiPort: API_PORT,
        uplink,
        log,
        held: () => heldAddresses(kubelet.ctx.engine),
      });
  const { allocatable } = resourcesOf(machine, config.maxPods, reserved);
  const hostResolver = parseResolvConf(readFileSync("/etc/resolv.conf", "utf8"));
  const loopback = hostResolver.servers.find((server) => server.startsWith("127."));
  const kubelet = createKubelet({
    config,
    identity,
    node: {
      name,
      hostIPs: [uplink.address],
      allocatable,
      memoryBytes: machine.memoryBytes,
      containerId: own?.id,
      resolvConf: () =>
        loopback && network.gateway ? { ...hostResolver, servers: [network.gateway] } : hostResolver,
      networkNamespace: readlinkSync("/proc/self/ns/net"),
    },
    runtime,
    network,
    imageAccess: createImageAccess(config.data, PULL_RECORD, log),
    claimRecords,
    storage: { ...storage, ...(hollow ? { rootOf: () => undefined } : {}) },
    client,
    events,
    services: () => serviceCache.list(),
    cgroups: info.cgroupfs
      ? createPodCgroups({
          version: info.cgroup,
          root: () => reader.enginePath("/sys/fs/cgroup"),
          name: `coracle/${identity.cluster}.${name}`,
        })
      : noPodCgroups,
    handlers: { classOf: (className) => classCache.get(className), known: info.handlers },
    admit(pod, manager) {
      const node = nodeCache.get(name);
      const others = [...manager.runs()]
        .filter((run) => run.uid !== uid(pod) && holdsItsPlace(run))
        .map((run) => run.pod);
      return (
        upkeep?.admit(pod) ??
        refuseForIsolation(pod, { apparmor: info.apparmor, unsafeSysctls: config.unsafeSysctls }) ??
        (node && refusePod(pod, node, others))
      );
    },
    log,
    now: Date.now,
    signal,
  });

  // The node and its network: the range comes from the API, routes from the other nodes' objects.
  let range: string | undefined;
  const configureNetwork = async (): Promise<void> => {
    range = nodeCache.get(name)?.spec?.podCIDR ?? range;
    if (range && !network.ready) {
      await network.configure(range);
      if (loopback && network.gateway && !hollow)
        await startDnsRelay({ address: network.gateway, upstream: loopback, log, signal });
      registration.changed();
    }
    await network.setPeers(peersOf(nodeCache.list(), name), addressesOf(nodeCache.list()));
  };
  let configuring: Promise<void> = Promise.resolve();
  const onNode = (): void => {
    configuring = configuring
      .then(configureNetwork)
      .catch((error: unknown) => log.error({ err: error }, "node network not set up"));
  };
  nodeCache.on({ add: onNode, update: onNode, delete: onNode });

  const status = async (before: NodeStatus | undefined): Promise<NodeStatus> => {
    const input = { before: before?.conditions ?? [], now: Date.now() };
    return nodeStatus({
      ...input,
      name,
      address: uplink.address,
      machine,
      maxPods: config.maxPods,
      reserved,
      images: await runtime.listImages(),
      handlers: info.handlers,
      notReady: network.ready
        ? upkeep?.notReady()
        : "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:the node has no pod range yet",
      pressures: upkeep?.conditions(input.before) ?? [],
    });
  };
  // As upstream: events about a node carry its name for a uid.
  const nodeReference = { kind: "Node", metadata: { name, uid: name } };
  const nodeEvent = (reason: string, message: string, type: "Normal" | "Warning" = "Normal"): void =>
    events.record(nodeReference, type, reason, message);
  nodeEvent("Starting", "Starting kubelet.");
  const ownServer = createOwnServer(Number(env["CORACLE_HEALTH_PORT"] ?? 10248));
  upkeep = createUpkeep({
    kubelet,
    nodeEvent,
    settings,
    record,
    dataDirectory: here,
    engineDirectory: info.rootDir,
    onNodeChange: () => registration.changed(),
    isAllowed: ownServer.isOurs,
  });
  const { stats, http } = upkeep;
  serve(http);
  health.add("node", () => (network.ready ? undefined : "the node has no pod range yet"));
  health.add("dns", watchDns(config.clusterDns, config.clusterDomain, signal));

  // What runs already must be known before anything is begun, and before an address is given out.
  await kubelet.ctx.engine.synced(signal);
  const started = informers.start(signal);
  await nodeCache.synced(signal);
  const registration = startRegistration({
    name,
    client,
    nodes: nodeCache,
    status,
    podCidr: () => range,
    event: nodeEvent,
    log,
    signal,
  });
  onNode();
  await registration.registered;
  const lease = runLease(client, name, () => nodeCache.get(name)?.metadata.uid, log, signal);
  await started;

  if (own) await writeNodeNames(name);
  const facts = {
    name,
    address: uplink.address,
    machineId: machine.nodeInfo.machineID,
    osImage: machine.nodeInfo.osImage,
    resolvConf: printResolvConf(kubelet.ctx.node.resolvConf()),
  };
  await seedHostFiles(storage, facts, log);

  // Pods: those of the API first, then what the engine runs for nobody is ended.
  const uid = (pod: { metadata: { uid?: string | undefined } }): string => pod.metadata.uid ?? "";
  podCache.on({
    add: (pod) => isMirror(pod) || kubelet.pods.setPod(pod),
    update(pod, old) {
      if (uid(pod) !== uid(old)) kubelet.pods.removePod(uid(old));
      if (!isMirror(pod)) kubelet.pods.setPod(pod);
    },
    delete: (pod) => kubelet.pods.removePod(uid(pod)),
  });
  const stopNotices = followNotices(bus, kubelet.ctx.references);
  const directory = createPodDirectory(kubelet.pods);
  const logs = storage.host("/var/log").here;
  if (!hollow)
    startLogFiles({
      engine: kubelet.ctx.engine,
      nodeRoot: storage.host("/").engine,
      engineDirectory: info.rootDir,
      enginePath: (path) => reader.enginePath(path),
      log,
      signal,
    });
  const uidOf = createUidFinder(kubelet.pods);
  serve(createLogHttp({ runtime, pods: directory, uidOf, directory: logs, isAllowed: ownServer.isOurs }));
  const statics = hollow
    ? undefined
    : await serveStaticPods({
        kubelet,
        folder: config.staticPods ?? storage.host(STATIC_PODS).here,
        cache: podCache,
        nodeUid: () => nodeCache.get(name)?.metadata.uid,
        ended: upkeep.ended,
      });
  await kubelet.pods.removeOrphans();
  await kubelet.ctx.cgroups.sweep(new Set([...kubelet.pods.runs()].map((run) => run.uid)));
  if (!hollow) await serveDevices(kubelet.ctx, kubelet.plugins, kubelet.pods);
  const keeping = upkeep.run();
  const stopStreams = serveNodeStreams({
    nc: bus.nc,
    subjectPrefix: `node.${escapeToken(name)}`,
    runtime,
    pods: statics?.directory(directory) ?? directory,
    own: ownServer,
    summary: () => stats.summary(),
  });
  if (!hollow)
    startKubeletServer({
      node: name,
      address: uplink.address,
      port: KUBELET_PORT,
      pki: env["CORACLE_PKI"] ?? "/pki",
      client,
      connect: () => ownServer.connect(),
      log,
      signal,
    });
  log.info({ node: name, address: uplink.address }, "node started");
  await lease;
  await keeping;
  stopStreams();
  stopNotices();
  await kubelet.pods.idle();
  await bus.close();
}

runProcess("kubelet", main, { graceMs: (settings.shutdown?.seconds ?? 0) * 1000 + STOP_MS });

const internalAddress = (node: Node): string | undefined =>
  node.status?.addresses?.find((a) => a.type === "InternalIP")?.address;

function peersOf(all: Iterable<Node>, own: string): Peer[] {
  return [...all].flatMap((node) => {
    const address = internalAddress(node);
    return node.metadata.name !== own && node.spec?.podCIDR && address
      ? [{ podCidr: node.spec.podCIDR, address }]
      : [];
  });
}

const addressesOf = (all: Iterable<Node>): string[] =>
  [...all].flatMap((node) => internalAddress(node) ?? []).toSorted();
