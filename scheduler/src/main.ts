import { hostname } from "node:os";
import { once } from "node:events";
import { Gauge } from "prom-client";
import { connectBusFromEnvironment } from "@coracle/shared/bus/connect.ts";
import { createSeriesRecorder } from "@coracle/shared/client/event-series.ts";
import { createNatsClient } from "@coracle/shared/client/nats.ts";
import { leaseIdentity } from "@coracle/shared/controller/identity.ts";
import { runWithLeaderElection } from "@coracle/shared/controller/leader.ts";
import { createFeedInformerFactory } from "@coracle/shared/informer/feed.ts";
import { runProcess } from "@coracle/shared/process.ts";
import { createScheduler } from "./scheduler.ts";

runProcess("scheduler", async ({ log, signal, health }) => {
  const bus = await connectBusFromEnvironment(log, signal);
  health.add("bus", () => (bus.connected ? undefined : "not connected"));
  const client = createNatsClient(bus);
  const informers = createFeedInformerFactory({ bus, client, log });
  const events = createSeriesRecorder({
    client,
    controller: "default-scheduler",
    instance: `default-scheduler-${hostname()}`,
    log,
    signal,
  });
  const scheduler = createScheduler({ client, informers, events, log, signal });
  new Gauge({
    name: "scheduler_pending_pods",
    help: "Pods that have no node yet.",
    collect() {
      this.set(scheduler.waiting);
    },
  });

  // A standby follows the cluster too, so that it can go on at once.
  let synced = false;
  health.add("caches", () => (synced ? undefined : "waiting for the first lists"));
  await informers.start(signal);
  synced = true;

  const identity = await leaseIdentity();
  await runWithLeaderElection({ client, name: "kube-scheduler", identity, log, signal }, async (leading) => {
    scheduler.start();
    if (!leading.aborted) await once(leading, "abort");
    scheduler.pause();
  });
  await events.flush();
  await bus.close();
});
