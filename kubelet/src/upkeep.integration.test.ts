import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Pod, PodSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { pods as podResource } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { Informer, InformerHandler } from "@coracle/shared/informer/informer.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LABEL } from "./container/names.ts";
import { openPullRecord } from "./gc/pull-record.ts";
import { createDockerRuntime } from "./runtime/docker.ts";
import { serveStaticPods } from "./static-pods/start.ts";
import { createHarness, NAMESPACE, type Harness } from "./testing/harness.ts";
import { createUpkeep, readUpkeepSettings, type Upkeep } from "./upkeep.ts";

const runtime = createDockerRuntime();
const LOOP = "trap exit TERM; while :; do sleep 0.1; done";
let node: Harness;
let upkeep: Upkeep;

beforeEach(async () => {
  node = await createHarness({ runtime });
  const { log } = node.kubelet().ctx;
  const file = join(node.data, "images.json");
  const info = await runtime.info();
  upkeep = createUpkeep({
    isAllowed: () => true,
    kubelet: node.kubelet(),
    // The disk of the machine that tests run on is its own affair.
    settings: readUpkeepSettings({
      CORACLE_EVICTION_HARD: "memory.available<1Mi",
      CORACLE_GRACEFUL_SHUTDOWN: "9,3",
    }),
    record: await openPullRecord(file, log, Date.now),
    dataDirectory: node.data,
    engineDirectory: info.rootDir,
    onNodeChange: () => undefined,
    nodeEvent: () => undefined,
  });
});
afterEach(() => node.stop());

const spec = (script: string, more: Partial<PodSpec> = {}): PodSpec => ({
  containers: [{ name: "main", image: "busybox:1.36", command: ["sh", "-c", script] }],
  ...more,
});
const ready = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;
const failed = (pod: Pod | undefined): boolean => pod?.status?.phase === "Failed";

test("the figures of a busy pod are those of its container", async () => {
  node.run("busy", spec("echo log; while :; do :; done", { volumes: [{ name: "v", emptyDir: {} }] }));
  await node.client.until(NAMESPACE, "busy", ready);
  const first = await upkeep.stats.summary();
  const [pod] = first.pods;
  expect(pod?.podRef).toMatchObject({ name: "busy", namespace: NAMESPACE });
  expect(pod?.containers[0]?.cpu?.usageNanoCores).toBeGreaterThan(0.1e9);
  expect(pod?.containers[0]?.memory?.workingSetBytes).toBeGreaterThan(0);
  expect(first.node.cpu.usageNanoCores).toBeGreaterThan(0.1e9);
  await vi.waitFor(
    async () => {
      const [measured] = (await upkeep.stats.summary()).pods;
      expect(measured?.containers[0]?.logs?.usedBytes).toBeGreaterThan(0);
      expect(measured?.containers[0]?.rootfs?.usedBytes).toBeGreaterThan(0);
      expect(measured?.volume?.map((v) => v.name)).toEqual(["v"]);
    },
    { timeout: 10_000, interval: 500 },
  );
});

test("a pod that writes more than its volume may hold is evicted, and is itself to blame", async () => {
  const volumes = [{ name: "v", emptyDir: { sizeLimit: "1Mi" } }];
  const script = `dd if=/dev/zero of=/v/f bs=1M count=3; ${LOOP}`;
  const pod = spec(script, { volumes });
  Object.assign(pod.containers[0] ?? {}, { volumeMounts: [{ name: "v", mountPath: "/v" }] });
  node.run("filler", pod);
  await node.client.until(NAMESPACE, "filler", ready);
  const keeping = upkeep.run();
  const { metadata, status } = await node.client.until(NAMESPACE, "filler", failed);
  expect(status).toMatchObject({
    reason: "Evicted",
    message: 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
  });
  expect(status?.conditions?.some((c) => c.type === "DisruptionTarget")).toBe(false);
  await vi.waitFor(async () =>
    expect(await runtime.list({ [LABEL.podUid]: metadata.uid ?? "", [LABEL.type]: "sandbox" })).toEqual([]),
  );
  await node.stop();
  await keeping;
});

test("of a container that fails again and again one ended instance stays", async () => {
  const pod = node.run("crasher", spec("exit 1"));
  await node.client.until(
    NAMESPACE,
    "crasher",
    (p) => (p?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 2,
    60_000,
  );
  await vi.waitFor(
    async () => {
      const all = await runtime.list({ [LABEL.podUid]: pod.metadata.uid ?? "", [LABEL.container]: "main" });
      expect(all.filter((c) => c.state === "exited")).toHaveLength(1);
    },
    { timeout: 10_000, interval: 200 },
  );
}, 90_000);

test("before the node goes its pods end, and say why", async () => {
  node.run("web", spec(LOOP));
  node.run("slow", spec("trap '' TERM; while :; do sleep 0.1; done", { terminationGracePeriodSeconds: 1 }));
  for (const name of ["web", "slow"]) await node.client.until(NAMESPACE, name, ready);
  await upkeep.shutDown();
  for (const name of ["web", "slow"]) {
    const { status } = await node.client.until(NAMESPACE, name, failed, 1_000);
    expect(status).toMatchObject({
      reason: "Terminated",
      message: "Pod was terminated in response to imminent node shutdown.",
    });
    expect(status?.conditions?.find((c) => c.type === "DisruptionTarget")).toMatchObject({
      reason: "TerminationByKubelet",
      observedGeneration: 1,
    });
  }
  expect(upkeep.notReady()).toBe("node is shutting down");
});

test("a static pod runs without the API, and its mirror shows its status there", async () => {
  const kubelet = node.kubelet();
  const mirrors = new Map<string, Pod>();
  const handlers: InformerHandler<Pod>[] = [];
  const create = (_resource: unknown, object: Pod): Promise<Pod> => {
    const mirror: Pod = { ...object, metadata: { ...object.metadata, uid: `mirror-${mirrors.size}` } };
    mirrors.set(mirror.metadata.uid ?? "", mirror);
    node.client.put(podResource, mirror);
    queueMicrotask(() => {
      for (const handler of handlers) handler.add?.(mirror);
    });
    return Promise.resolve(mirror);
  };
  const cache = {
    list: () => mirrors.values(),
    on: (handler: InformerHandler<Pod>) => handlers.push(handler),
  } as unknown as Informer<Pod>;
  const client = { ...node.client, create } as unknown as Client;
  const folder = join(node.data, "manifests");
  await mkdir(folder);
  const file = join(folder, "web.json");
  const manifest = { apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec: spec(LOOP) };
  await writeFile(file, JSON.stringify(manifest));
  await serveStaticPods({
    kubelet: { ...kubelet, ctx: { ...kubelet.ctx, client } },
    folder,
    cache,
    nodeUid: () => "node-uid",
    ended: upkeep.ended,
  });
  const mirror = await node.client.until("default", `web-${node.identity.node}`, ready);
  expect(mirror.metadata.uid).toBe("mirror-0");
  const uid = mirror.metadata.annotations?.["kubernetes.io/config.mirror"] ?? "";
  expect(await runtime.list({ [LABEL.podUid]: uid })).toHaveLength(2);
  await rm(file);
  await vi.waitFor(async () => expect(await runtime.list({ [LABEL.podUid]: uid })).toEqual([]), {
    timeout: 15_000,
    interval: 200,
  });
});
