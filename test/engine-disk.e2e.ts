import type { ConfigMap, Event, Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { createOwnEngine, whyNoEngine, type OwnEngine } from "./support/own-engine.ts";
import { eventually } from "./support/run.ts";
import type { SmallDisk } from "./support/small-disk.ts";

const image = process.env["CORACLE_IMAGE"] ?? "coracle/coracle:dev";
const pause = process.env["CORACLE_PAUSE_IMAGE"] ?? "coracle/pause:1";
const ROOM_MIB = 400;
const missing = await whyNoEngine();
let engine: OwnEngine;
let disk: SmallDisk;

const get = async <T>(...what: string[]): Promise<T> =>
  JSON.parse(await engine.kubectl("get", "--request-timeout=5s", "-o", "json", ...what)) as T;
const pod = (name: string): Promise<Pod> => get<Pod>("pod", name);
const warnings = async (name: string, reason: string): Promise<(string | undefined)[]> =>
  (await get<{ items: Event[] }>("events")).items
    .filter((e) => e.involvedObject.name === name && e.reason === reason)
    .map((e) => e.message);
const isReady = async (name: string): Promise<boolean> =>
  (await pod(name)).status?.containerStatuses?.every((c) => c.ready) ?? false;
const pressure = async (status: string): Promise<boolean> => {
  const { spec, status: now } = await get<Node>("node", "node-1");
  const tainted = spec?.taints?.some((t) => t.key === "node.kubernetes.io/disk-pressure") ?? false;
  const found = now?.conditions?.find((c) => c.type === "DiskPressure");
  return found?.status === status && tainted === (status === "True");
};
const start = (name: string, ...more: string[]): Promise<string> => {
  const made = ["run", name, `--image=${busybox}`, ...more, "--command", "--"];
  return engine.kubectl(...made, "sh", "-c", "trap 'exit 0' TERM; while :; do date; sleep 1; done");
};
/** Larger than what may be left of a block. */
const note = async (name: string): Promise<string> => {
  await engine.kubectl(
    "create",
    "--request-timeout=10s",
    "configmap",
    name,
    `--from-literal=text=${"x".repeat(32_000)}`,
  );
  return name;
};
/** Node agents, which no eviction takes. */
const critical = '--overrides={"spec":{"priorityClassName":"system-node-critical"}}';

beforeAll(async () => {
  if (missing !== undefined) return;
  engine = await createOwnEngine("coracle-disk-test", { ownDisk: true });
  if (!engine.disk) throw new Error("the engine has no disk of its own");
  disk = engine.disk;
  await engine.load(image, pause, "redis:8", "nats:2", busybox);
  await engine.up(1, {
    CORACLE_EVICTION_HARD: "nodefs.available<100Mi,imagefs.available<100Mi",
    CORACLE_EVICTION_PRESSURE_TRANSITION_PERIOD: "3s",
  });
  await disk.limit(ROOM_MIB);
  await start("steady", critical);
  await eventually("a pod runs", () => isReady("steady"));
});
afterAll(async () => {
  if (missing === undefined) await engine[Symbol.asyncDispose]();
});

test.skipIf(missing !== undefined)(
  "a pod that the engine has no room for says so, and starts when there is some",
  async () => {
    await disk.limitFiles(4);
    await start("later");
    await eventually("the pod tells why", async () =>
      (await warnings("later", "FailedCreatePodSandBox")).some((m) => m?.includes("no space left on device")),
    );
    const { status } = await pod("later");
    expect(status?.phase).toBe("Pending");
    expect(status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe("ContainerCreating");
    await disk.limitFiles(undefined);
    await eventually("the pod runs", () => isReady("later"));
  },
);

test.skipIf(missing !== undefined)(
  "an engine whose disk is full to the last byte loses nothing that it need not, and all comes back with the room",
  async () => {
    const before = await pod("steady");
    await disk.fill(0);
    // The store cannot write either: what is told in the meantime arrives as soon as it can.
    await eventually("the engine knows no more room", async () =>
      (await engine.docker("logs", "coracle-disk-test-redis-1")).includes("AOF write error"),
    );
    const written = await Promise.allSettled(["1", "2", "3"].map(note));
    expect(written.map((w) => w.status)).toContain("rejected");
    await disk.empty();
    await eventually("the node shows the pressure it was under", () => pressure("True"));
    await eventually("who may be evicted was", async () => (await pod("later")).status?.reason === "Evicted");
    await start("waiting");
    await eventually("the pressure is over", () => pressure("False"));
    await eventually("the pod that waited runs", () => isReady("waiting"));
    // A write that was refused may be there or not; one that was acknowledged is.
    const notes = (await get<{ items: ConfigMap[] }>("configmaps")).items;
    const acknowledged = written.flatMap((w) => (w.status === "fulfilled" ? [w.value] : []));
    expect(notes.map((n) => n.metadata.name)).toEqual(expect.arrayContaining(acknowledged));
    const { status } = await pod("steady");
    expect(status?.containerStatuses).toEqual(before.status?.containerStatuses);
    const processes = ["redis", "kubelet", "apiserver", "nats", "scheduler", "controller-manager"];
    const counts = processes.map((name) =>
      engine.docker(
        "inspect",
        "--format",
        "{{.State.Running}} {{.RestartCount}}",
        `coracle-disk-test-${name}-1`,
      ),
    );
    expect(new Set((await Promise.all(counts)).map((line) => line.trim()))).toEqual(new Set(["true 0"]));
  },
);
