import { deployments, pods } from "@coracle/shared/api/resources.ts";
import type { Deployment } from "@coracle/shared/api/generated/apps-v1.ts";
import { benchPod, command, image, openBench } from "./cluster.ts";
import { inParallel, median, milliseconds, report } from "./measure.ts";
import { removeAll, startPair } from "./raw-docker.ts";

/** Pod start, alone and many at once, and a Deployment, against raw Docker making the same containers in the same run. */
const engineWidth = 8;
const alone = 7;
const many = 30;
const scaled = 20;

async function rawAlone(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < alone; i++) times.push(await milliseconds(() => startPair(image, command)));
  await removeAll();
  return median(times);
}
async function rawMany(count: number): Promise<number> {
  const time = await milliseconds(() => inParallel(count, engineWidth, () => startPair(image, command)));
  await removeAll();
  return time;
}

await removeAll();
await using bench = await openBench();
const { client, namespace } = bench;

const floorAlone = await rawAlone();
const times: number[] = [];
for (let i = 0; i < alone; i++) {
  times.push(
    await milliseconds(async () => {
      await client.create(pods, { ...benchPod(`one-${i}`), metadata: { name: `one-${i}`, namespace } });
      await bench.ready(1);
    }),
  );
  await client.delete(pods, { namespace, name: `one-${i}` }, { gracePeriodSeconds: 0 });
  await bench.empty();
}

const floorMany = await rawMany(many);
const manyTime = await milliseconds(async () => {
  await inParallel(many, many, (i) =>
    client.create(pods, { ...benchPod(`many-${i}`), metadata: { name: `many-${i}`, namespace } }),
  );
  await bench.ready(many);
});
const stopTime = await milliseconds(async () => {
  await client.deleteCollection(pods, { namespace });
  await bench.empty();
});

const floorScaled = await rawMany(scaled);
const deployment: Deployment = {
  metadata: { name: "web", namespace },
  spec: {
    replicas: scaled,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: benchPod("").spec },
  },
};
const scaleTime = await milliseconds(async () => {
  await client.create(deployments, deployment);
  await bench.ready(scaled);
});
await client.patch(
  deployments,
  { namespace, name: "web" },
  { type: "merge", body: { spec: { replicas: 10 } } },
);
await bench.ready(10);
const rollTime = await milliseconds(async () => {
  await client.patch(
    deployments,
    { namespace, name: "web" },
    { type: "merge", body: { spec: { template: { metadata: { annotations: { rolled: "1" } } } } } },
  );
  for (;;) {
    const { spec, status, metadata } = await client.get(deployments, { namespace, name: "web" });
    if (
      status?.observedGeneration === metadata.generation &&
      status?.updatedReplicas === spec?.replicas &&
      status?.availableReplicas === 10 &&
      status?.replicas === 10
    )
      return;
    await new Promise((r) => setTimeout(r, 25));
  }
});

report([
  {
    what: "one pod, create → Ready, p50",
    value: median(times),
    unit: "ms",
    floor: floorAlone,
    goal: "≤ 1.5",
  },
  {
    what: `${many} pods at once, until all Ready`,
    value: manyTime / 1000,
    unit: "s",
    floor: floorMany / 1000,
    goal: "≤ 1.5",
  },
  { what: `${many} pods deleted, until all gone`, value: stopTime / 1000, unit: "s" },
  {
    what: `Deployment 0 → ${scaled}`,
    value: scaleTime / 1000,
    unit: "s",
    floor: floorScaled / 1000,
    goal: "≤ 1.4",
  },
  { what: "rolling update of 10", value: rollTime / 1000, unit: "s", goal: "≤ 4 s" },
]);
