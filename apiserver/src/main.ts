import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Msg } from "nats";
import { connectBusFromEnvironment, type Bus } from "@coracle/shared/bus/connect.ts";
import { openStream } from "@coracle/shared/bus/stream.ts";
import { BOOTSTRAP_SUBJECT, nodeSubject } from "@coracle/shared/bus/subjects.ts";
import { ApiError, internalError, serviceUnavailable } from "@coracle/shared/errors.ts";
import { runProcess, type ProcessContext } from "@coracle/shared/process.ts";
import { createAdmit, selectPlugins } from "./admission/index.ts";
import { createDynamicAdmission } from "./admission/policies/dynamic.ts";
import { createCallWebhook } from "./admission/webhooks/call.ts";
import { readFrontProxy } from "./aggregation/front-proxy.ts";
import { createReach } from "./aggregation/reach.ts";
import { createApiServer, type ApiServer } from "./api-server.ts";
import type { PathHandler } from "./discovery/non-resource.ts";
import { createApiMetrics } from "./http/metrics.ts";
import { keepFlowControl } from "./flowcontrol/keep.ts";
import { registerFlowMetrics } from "./flowcontrol/metrics.ts";
import { createLegacyTokenTracker } from "./authn/legacy-tokens.ts";
import { openAudit } from "./audit/open.ts";
import { createHttpsServer } from "./http/server.ts";
import { createUpgrade } from "./http/upgrade.ts";
import { openidConfiguration } from "./identity/discovery.ts";
import { createNodeCredentials, type NodeCredentialsRequest } from "./identity/node-credentials.ts";
import { CHANGES_PATH, createChangesHandler } from "./nats/changes.ts";
import { serveApi } from "./nats/serve.ts";
import { bootstrapCluster } from "./registry/bootstrap/bootstrap.ts";
import { keepKubernetesService, ownAddress } from "./registry/bootstrap/kubernetes-service.ts";
import { keepAddresses, runServiceRepair, type RepairAccess } from "./kinds/services/repair.ts";
import { expireEvents } from "./registry/event-expiry.ts";
import type { OpenNodeStream, Registry } from "./registry/registry.ts";
import { createSecurity, type Security } from "./security.ts";
import { runCompaction } from "./store/compaction.ts";
import type { Store } from "./store/store.ts";
import { loadDescriptions } from "./schema/openapi/descriptions.ts";
import { openStore } from "./store/open.ts";
import { createWatchCache } from "./watch/cache.ts";
import { startFeedPublisher } from "./watch/feed.ts";

const env = (name: string, fallback: string): string => process.env[name] || fallback;
const pki = env("CORACLE_PKI", "/pki");
const port = Number(env("CORACLE_PORT", "6443"));
const nodesSubnet = env("CORACLE_NODES_SUBNET", "172.30.0.0/24");

runProcess("apiserver", main, { graceMs: 9_500 });

async function main({ log, signal, health }: ProcessContext): Promise<void> {
  const now = (): Date => new Date();
  const store = openStore({ url: env("CORACLE_REDIS", "rediss://redis:6379"), pki, log });
  const cache = createWatchCache(store, { log });
  // Reads and watches are served until the last request is done; what is new is refused as soon as `signal` aborts.
  const stopped = new AbortController();
  health.add("watch-cache", () => (cache.revision > 0 ? undefined : "not filled yet"));
  // Whoever waits until the server is healthy knows that no older key is needed any more.
  let encrypted = false;
  health.add("encryption", () => (encrypted ? undefined : "stored objects are being encrypted"));
  await cache.start(stopped.signal);
  const reencrypted = await store.reencrypt(signal);
  if (reencrypted > 0) log.info({ objects: reencrypted }, "stored objects were encrypted with the first key");
  encrypted = true;

  const clusterDomain = env("CORACLE_CLUSTER_DOMAIN", "cluster.local");
  const legacyUsed = createLegacyTokenTracker({ registry: () => server.registry, now, log });
  const security = await createSecurity({ store, cache, pki, clusterDomain, now, legacyUsed });
  let bus: Bus | undefined;
  const busCheck = (): string | undefined => (bus?.connected ? undefined : "not connected");
  const stopping = (): string | undefined => (signal.aborted ? "the server is shutting down" : undefined);
  const metrics = createApiMetrics(cache);
  const openNode = nodeOpener(() => bus);
  const call = createCallWebhook(createReach({ cache, openNode }));
  const dynamic = createDynamicAdmission({ call, resources: () => server.registry.resources, signal });
  const server: ApiServer = await createApiServer(
    {
      store,
      cache,
      ...security,
      admit: createAdmit(
        { ...security, store, cache, now, log },
        selectPlugins({ ...admissionPlugins, dynamic }),
      ),
      openNode,
      descriptions: loadDescriptions,
      serverAddress: `${ownAddress(nodesSubnet)}:${port}`,
      aggregation: { registerLocal: true, frontProxy: readFrontProxy(pki) },
      health: {
        live: [{ name: "ping", run: () => undefined }],
        ready: [
          { name: "ping", run: () => undefined },
          { name: "etcd", run: storeCheck(store) },
          { name: "bus", run: busCheck },
          { name: "shutdown", run: stopping },
        ],
      },
      paths: () =>
        new Map<string, PathHandler>([
          [CHANGES_PATH, createChangesHandler({ cache, authorize: security.authorize })],
          ["/metrics", metrics.handler],
          ...issuerPaths(security),
        ]),
      observe: metrics.observe,
      audit: openAudit({
        path: process.env["CORACLE_AUDIT_LOG"],
        policyPath: env("CORACLE_AUDIT_POLICY", "/audit-policy.yaml"),
        now,
        log,
      }),
      components: [{ name: "etcd-0", check: storeCheck(store) }],
      log,
      now,
    },
    signal,
  );
  registerFlowMetrics(server.flowControl);
  const serviceCIDR = env("CORACLE_SERVICE_CIDR", "10.96.0.0/16");
  await bootstrapCluster({ registry: server.registry, pki, serviceCIDR, log });

  const https = createHttpsServer({
    tls: {
      ca: readFileSync(join(pki, "ca.crt")),
      cert: readFileSync(join(pki, "tls.crt")),
      key: readFileSync(join(pki, "tls.key")),
    },
    handle: server.handle,
    upgrade: createUpgrade(server),
    log,
  });
  https.listen(port);
  await once(https, "listening");
  log.info({ port }, "serving the API");

  health.add("bus", busCheck);
  health.add("shutdown", stopping);
  void runCompaction(store, signal, { log });
  const service = {
    registry: server.registry,
    clusterIP: firstAddress(serviceCIDR),
    address: ownAddress(nodesSubnet),
    port,
    log,
  };
  expireEvents(server.registry, signal, log);
  keepFlowControl(server.registry, log, signal);
  const onError = (error: unknown): void =>
    log.warn({ err: error }, "service reservations could not be repaired");
  const access = repairAccess(server.registry);
  void runServiceRepair(access, { cidr: serviceCIDR, signal, onError });
  keepAddresses(access, { cache, signal, onError });
  const kept = keepKubernetesService(service, signal);
  const served = connectBusFromEnvironment(log, signal).then((connected) => {
    bus = connected;
    startFeedPublisher({ bus: connected, cache, log, signal });
    log.info("serving the bus");
    return serveBus(connected, server, security);
  });
  // A stop before the bus was ever reached is no failure.
  const onBus = served.catch((error: unknown) => {
    if (!signal.aborted) throw error;
    return undefined;
  });

  await Promise.race([aborted(signal), onBus.then(() => aborted(signal))]);
  await kept;
  https.close();
  https.closeIdleConnections();
  await (await onBus)?.stop();
  // Watches have been ended by now; connections that clients keep open are not waited for.
  https.closeAllConnections();
  await bus?.close();
  stopped.abort();
  await store.close();
}

const admissionPlugins = {
  enable: process.env["CORACLE_ENABLE_ADMISSION_PLUGINS"],
  disable: process.env["CORACLE_DISABLE_ADMISSION_PLUGINS"],
};

const json = { "content-type": "application/json" };

/** Where others learn to check ServiceAccount tokens. */
const issuerPaths = ({ issuerUrl, keys }: Security): [string, PathHandler][] => [
  [
    "/.well-known/openid-configuration",
    () => ({ status: 200, headers: json, body: JSON.stringify(openidConfiguration(issuerUrl, keys)) }),
  ],
  [
    "/openid/v1/jwks",
    () => ({
      status: 200,
      headers: { "content-type": "application/jwk-set+json" },
      body: JSON.stringify(keys.jwks),
    }),
  ],
];

const storeCheck = (store: Store) => async (): Promise<string | undefined> => {
  try {
    await store.revision();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

const repairAccess = ({ store, cache, now }: Registry): RepairAccess => ({
  store,
  now,
  all: (resource) => cache.all(resource),
  lookup: (resource, namespace, name) => cache.get({ resource, namespace, name }),
});

/** The first address of the service range is the API's. */
const firstAddress = (cidr: string): string => {
  const [a = "10", b = "96", c = "0"] = cidr.split("/", 1)[0]?.split(".") ?? [];
  return `${a}.${b}.${c}.1`;
};

/** Sessions with kubelets go over the bus. */
const nodeOpener =
  (bus: () => Bus | undefined): OpenNodeStream =>
  (node, verb, message, signal) => {
    const connected = bus();
    if (!connected) throw serviceUnavailable("the bus is not connected", 1);
    return openStream(connected.nc, nodeSubject(node, verb), message, signal);
  };

/** The API and the nodes' credentials, on the bus. */
function serveBus({ nc }: Bus, server: ApiServer, { bootstrapTokens }: Security) {
  const issue = createNodeCredentials({
    tokens: bootstrapTokens,
    signingSeed: readFileSync(join(pki, "nats-account.seed"), "utf8"),
    accountPublicKey: readFileSync(join(pki, "nats-account.pub"), "utf8"),
    now: () => new Date(),
  });
  nc.subscribe(BOOTSTRAP_SUBJECT, {
    queue: "apiserver",
    callback: (error, message) => {
      if (!error) void respond(message, issue);
    },
  });
  return serveApi(nc, server.handle);
}

async function respond(
  message: Msg,
  issue: (request: NodeCredentialsRequest) => Promise<object>,
): Promise<void> {
  message.respond(await answerWith(() => issue(message.json<NodeCredentialsRequest>())));
}

/** The result as JSON, or the `Status` of what went wrong. */
async function answerWith(work: () => Promise<object>): Promise<string> {
  try {
    return JSON.stringify(await work());
  } catch (error) {
    return JSON.stringify(
      (error instanceof ApiError ? error : internalError("the request cannot be read")).status,
    );
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
