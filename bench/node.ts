/**
 * One node with as many pods as it takes: start, stop, the kubelet's memory and CPU, what one event costs it, and how long a
 * container's end takes to reach the API.
 *
 *   node bench/node.ts [pods=110] [node=node-1]
 */
import type { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import Docker from "dockerode";
import { pods } from "@coracle/shared/api/resources.ts";
import { benchPod, command, image, openBench } from "./cluster.ts";
import { inParallel, median, milliseconds, percentile, report, type Row } from "./measure.ts";
import { kubeletOf } from "./node-process.ts";
import { removeAll, startPair } from "./raw-docker.ts";

const engineWidth = 8;
const idleSeconds = 30;
const changes = 60;
const ends = 10;
const docker = new Docker();

const [wanted = "110", node = "node-1"] = process.argv.slice(2);
await removeAll();
await using bench = await openBench();
const { client, namespace } = bench;
const kubelet = await kubeletOf(node);
const others = (await client.list(pods)).items.filter((p) => p.spec?.nodeName === node).length;
const count = Number(wanted) - others;
const rows: Row[] = [];

/** CPU milliseconds of the kubelet for each change of one pod's annotation. */
async function eventCost(name: string): Promise<number> {
  const before = kubelet.cpu();
  for (let i = 0; i < changes; i++) {
    const body = { metadata: { annotations: { turn: String(i) } } };
    await client.patch(pods, { namespace, name }, { type: "merge", body });
    await setTimeout(50);
  }
  await setTimeout(500);
  return ((kubelet.cpu() - before) * 1000) / changes;
}

/** When the engine says that a container has ended, by the time of its event: it notices later than the kernel. */
async function diedAt(id: string): Promise<number> {
  const events = await docker.getEvents({ filters: { container: [id], event: ["die"] } });
  try {
    for await (const chunk of events)
      return (JSON.parse(String(chunk)) as { timeNano: number }).timeNano / 1e6;
    throw new Error("the engine's events ended");
  } finally {
    (events as Readable).destroy();
  }
}

/** Milliseconds from the engine's event of a container's end to the pod's status in a watch of the API. */
async function endLatency(name: string): Promise<number> {
  const filters = { label: [`io.kubernetes.pod.name=${name}`, "io.kubernetes.container.name=main"] };
  const [container] = await docker.listContainers({ filters });
  if (!container) throw new Error(`the engine has no container of pod ${name}`);
  const seen = new Promise<number>((resolve) => {
    const off = bench.pods.on({
      update(pod) {
        const state = pod.status?.containerStatuses?.[0];
        if (pod.metadata.name !== name || !(state?.state?.terminated ?? state?.lastState?.terminated)) return;
        off();
        resolve(Date.now());
      },
    });
  });
  const died = diedAt(container.Id);
  // The engine must have taken the subscription.
  await setTimeout(100);
  await docker.getContainer(container.Id).kill();
  return (await seen) - (await died);
}

const start = (name: string) => {
  const pod = benchPod(name);
  return client.create(pods, {
    ...pod,
    metadata: { name, namespace },
    // With no grace at all the API forgets a pod at once, and its end could not be measured.
    spec: { containers: [], ...pod.spec, nodeName: node, terminationGracePeriodSeconds: 1 },
  });
};

await start("pod-0");
await bench.ready(1);
const costAlone = await eventCost("pod-0");

const floorStart = await milliseconds(() =>
  inParallel(count - 1, engineWidth, () => startPair(image, command)),
);
const floorStop = await milliseconds(removeAll);
const startTime = await milliseconds(async () => {
  await inParallel(count - 1, count, (i) => start(`pod-${i + 1}`));
  await bench.ready(count);
});
rows.push({
  what: `${count} pods on one node, until all Ready`,
  value: startTime / 1000,
  unit: "s",
  floor: floorStart / 1000,
  goal: "≤ 1.5",
});

await setTimeout(10_000);
const cpuBefore = kubelet.cpu();
await setTimeout(idleSeconds * 1000);
const idle = ((kubelet.cpu() - cpuBefore) / idleSeconds) * 100;
rows.push(
  { what: "kubelet's memory", value: kubelet.memory(), unit: "MiB", goal: "≤ 150 MiB" },
  { what: "kubelet's CPU, idle", value: idle, unit: "%", goal: "≤ 5 % of a core" },
  {
    what: "kubelet's CPU per change of a pod (floor: with one pod)",
    value: await eventCost("pod-0"),
    unit: "ms",
    floor: costAlone,
    goal: "about 1",
  },
);
const latencies: number[] = [];
for (let i = 1; i <= Math.min(ends, count - 1); i++) latencies.push(await endLatency(`pod-${i}`));
rows.push(
  { what: "a container's end → API, p50", value: median(latencies), unit: "ms", goal: "≤ 100 ms" },
  { what: "the same, p90", value: percentile(latencies, 0.9), unit: "ms" },
);

const stopTime = await milliseconds(async () => {
  await client.deleteCollection(pods, { namespace });
  await bench.empty();
});
rows.push({
  what: `${count} pods deleted (1 s grace), until all gone`,
  value: stopTime / 1000,
  unit: "s",
  floor: floorStop / 1000,
});
report(rows);
process.exit(0);
