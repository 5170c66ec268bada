import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { createHttpsClient, inClusterConfig } from "@coracle/shared/client/https.ts";
import { createWatchInformerFactory } from "@coracle/shared/informer/watch.ts";
import { runProcess } from "@coracle/shared/process.ts";
import { createDirectory } from "./directory.ts";
import { createForwarder, systemNameservers } from "./forward.ts";
import { createRecords } from "./records.ts";
import { createResolver } from "./resolver.ts";
import { serveDns } from "./server.ts";

const port = 53;
/** Clients still find the way here for a moment after the pod's end has begun (CoreDNS's lameduck). */
const lameDuckMs = 3_000;

runProcess(
  "dns",
  async ({ log, signal, health }) => {
    const domain = (process.env["CORACLE_CLUSTER_DOMAIN"] ?? "cluster.local").toLowerCase();
    const client = createHttpsClient(await inClusterConfig());
    const informers = createWatchInformerFactory({ client, log });
    let serial = Math.floor(Date.now() / 1000);
    const directory = createDirectory(informers, () => (serial += 1));
    const servers = systemNameservers();

    let synced = false;
    health.add("caches", () => (synced ? undefined : "waiting for the first lists"));
    await informers.start(signal);
    synced = true;

    const resolve = createResolver({
      records: createRecords(directory, domain),
      domain,
      forward: createForwarder(servers),
      serial: () => serial >>> 0,
    });
    const closing = new AbortController();
    await serveDns(port, "0.0.0.0", resolve, log, closing.signal);
    log.info({ domain, servers }, "answering");
    if (!signal.aborted) await once(signal, "abort");
    await setTimeout(lameDuckMs);
    closing.abort();
  },
  { healthHost: "0.0.0.0" },
);
