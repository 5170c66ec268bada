import { connectBusFromEnvironment } from "@coracle/shared/bus/connect.ts";
import { createEventRecorder } from "@coracle/shared/client/events.ts";
import { createNatsClient } from "@coracle/shared/client/nats.ts";
import { leaseIdentity } from "@coracle/shared/controller/identity.ts";
import { runWithLeaderElection } from "@coracle/shared/controller/leader.ts";
import { createFeedInformerFactory } from "@coracle/shared/informer/feed.ts";
import { runProcess } from "@coracle/shared/process.ts";
import { controllers, loops } from "./controllers/index.ts";
import { keep } from "./keep.ts";
import { runAll } from "./manager.ts";
import { readSettings } from "./settings.ts";

const LEASE = "kube-controller-manager";

runProcess("controller-manager", async ({ log, signal, health }) => {
  const settings = await readSettings(process.env);
  const bus = await connectBusFromEnvironment(log, signal);
  health.add("bus", () => (bus.connected ? undefined : "not connected"));
  const client = createNatsClient(bus);
  const clock = { now: Date.now };
  const identity = await leaseIdentity();
  await runWithLeaderElection({ client, name: LEASE, identity, log, signal }, async (term) => {
    const informers = createFeedInformerFactory({ bus, client, log, keep });
    const events = createEventRecorder({ client, component: "controller-manager", log, signal: term });
    const ctx = { client, informers, events, log, clock, signal: term };
    await runAll(controllers(settings), loops(settings, process.env), ctx);
  });
  await bus.close();
});
