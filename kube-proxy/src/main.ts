import { once } from "node:events";
import { endpointSlices, nodes, services } from "@coracle/shared/api/resources.ts";
import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import { connectBusFromEnvironment } from "@coracle/shared/bus/connect.ts";
import { createNatsClient } from "@coracle/shared/client/nats.ts";
import { createFeedInformerFactory } from "@coracle/shared/informer/feed.ts";
import { runProcess } from "@coracle/shared/process.ts";
import { createNftablesBackend, nft } from "./backends/nftables.ts";
import { forgetFlows } from "./flows.ts";
import { createHealthChecks } from "./health-checks.ts";
import { serveHealthz, serveMode } from "./healthz.ts";
import { leanPod } from "./policy/model.ts";
import { removal } from "./policy/ruleset.ts";
import { startPolicies } from "./policy/start.ts";
import { startSync } from "./sync.ts";

const env = process.env;
/** An endpoint whose ports are spread over slices counts once. */
const readyOn = (slices: readonly EndpointSlice[], node: string): number =>
  new Set(
    slices
      .flatMap((s) => s.endpoints ?? [])
      .filter((e) => e.nodeName === node && e.conditions?.ready !== false)
      .map((e) => e.addresses[0]),
  ).size;

runProcess(
  "kube-proxy",
  async ({ log, signal, health, serve }) => {
    const backend = createNftablesBackend({ serviceCidr: env["CORACLE_SERVICE_CIDR"] ?? "10.96.0.0/16" });
    if (process.argv.includes("--cleanup")) {
      await backend.cleanUp();
      await nft(removal);
      return;
    }
    const nodeName = env["NODE_NAME"];
    if (!nodeName) throw new Error("NODE_NAME is not set");
    const bus = await connectBusFromEnvironment(log, signal);
    const client = createNatsClient(bus);
    const informers = createFeedInformerFactory({
      bus,
      client,
      log,
      keep: (resource) => (resource.plural === "pods" ? (pod) => leanPod(pod) : undefined),
    });
    const checks = createHealthChecks(log);
    const serviceCache = informers.for(services);
    const sliceCache = informers.for(endpointSlices);

    const nodeCache = informers.for(nodes);

    let lastUpdated: number | undefined;
    health.add("rules", () => (lastUpdated === undefined ? "not written yet" : undefined));
    serve(
      serveHealthz({ lastUpdated: () => lastUpdated, node: () => nodeCache.get(nodeName), now: Date.now }),
    );
    const modeServer = serveMode(log);
    const start = startSync({
      nodeName,
      podCidr: env["CORACLE_POD_CIDR"] ?? "10.244.0.0/16",
      services: serviceCache,
      slices: sliceCache,
      nodes: nodeCache,
      backend,
      forgetFlows: forgetFlows(log),
      log,
      signal,
      onSynced(keys) {
        lastUpdated = Date.now();
        for (const key of keys)
          checks.set(key, serviceCache.get(key), readyOn(sliceCache.byIndex("service", key), nodeName));
      },
    });
    await informers.start(signal);
    start();
    await startPolicies({ nodeName, informers, run: nft, log, signal });
    // The rules stay when the process ends: traffic goes on while it is replaced.
    if (!signal.aborted) await once(signal, "abort");
    checks.close();
    modeServer.close();
    await bus.close();
  },
  { healthHost: "0.0.0.0" },
);
