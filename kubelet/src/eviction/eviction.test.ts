import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { createLogger } from "@coracle/shared/log.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testContainer, testStats } from "../stats/fixtures.ts";
import type { PodReading } from "../stats/reading.ts";
import type { PodDisk } from "../stats/summary.ts";
import { refusedUnderPressure } from "./admit.ts";
import type { EndOrder } from "./end-pod.ts";
import { exceededLimit, limitsLocalStorage } from "./local-storage.ts";
import { createEvictionManager, type EvictionOptions } from "./manager.ts";
import { hasCondition, nextPressure, NO_PRESSURE, pressureConditions } from "./pressure.ts";
import { parseThresholds, type Level, type Observation, type Signal } from "./signals.ts";

const MI = 1 << 20;
const GI = 1 << 30;
const levels = (levels: Partial<Record<Signal, Level>>): Observation =>
  new Map(Object.entries(levels) as [Signal, Level][]);
const memory = (available: number): Observation =>
  levels({ "memory.available": { available, capacity: 8 * GI } });

const makePod = (name: string, more: { priority?: number; requests?: Record<string, string> } = {}): Pod => ({
  metadata: { name, namespace: "default", uid: `uid-${name}` },
  spec: {
    ...(more.priority === undefined ? {} : { priority: more.priority }),
    terminationGracePeriodSeconds: 30,
    containers: [
      {
        name: "main",
        ...(more.requests ? { resources: { requests: more.requests } } : {}),
      },
    ],
  },
});
const reading = (name: string, workingSet: number): PodReading => ({
  uid: `uid-${name}`,
  name,
  namespace: "default",
  network: [],
  containers: [
    {
      container: testContainer(`c-${name}`, name, "main"),
      name: "main",
      sandbox: false,
      stats: testStats(0, 0, workingSet),
      rate: undefined,
    },
  ],
});
const usage = (bytes: number) => ({ bytes, inodes: 1, atMs: 0 });

describe("thresholds", () => {
  it("have upstream's defaults", () => {
    expect(parseThresholds({}).map((t) => [t.signal, t.value])).toEqual([
      ["memory.available", { amount: 100 * MI }],
      ["nodefs.available", { share: 0.1 }],
      ["nodefs.inodesFree", { share: 0.05 }],
      ["imagefs.available", { share: 0.15 }],
      ["imagefs.inodesFree", { share: 0.05 }],
    ]);
  });
  it("read soft ones with their grace and what to reclaim at least", () => {
    const [hard, soft] = parseThresholds({
      hard: "memory.available<1Gi",
      soft: "memory.available<2Gi",
      softGrace: "memory.available=1m30s",
      minReclaim: "memory.available=512Mi",
    });
    expect(hard?.graceMs).toBeUndefined();
    expect(soft).toMatchObject({
      graceMs: 90_000,
      value: { amount: 2 * GI },
      minReclaim: { amount: 512 * MI },
    });
  });
  it.each([
    [{ hard: "memory<1Gi" }],
    [{ hard: "memory.available" }],
    [{ hard: "memory.available<101%" }],
    [{ hard: "memory.available<1Gi,memory.available<2Gi" }],
    [{ soft: "memory.available<1Gi" }],
    [{ soft: "memory.available<1Gi", softGrace: "memory.available=soon" }],
  ])("refuse what cannot be meant: %o", (texts) => {
    expect(() => parseThresholds(texts)).toThrow(/eviction|quantities|duration/);
  });
  it("of nothing are switched off", () => {
    expect(parseThresholds({ hard: "memory.available<0,nodefs.available<0%" })).toEqual([]);
  });
});

describe("pressure", () => {
  const hard = parseThresholds({ hard: "memory.available<1Gi", minReclaim: "memory.available=1Gi" });
  it("lasts until the minimum reclaim is reached", () => {
    let state = nextPressure(NO_PRESSURE, hard, memory(GI - 1), 0);
    expect(state.due).toHaveLength(1);
    state = nextPressure(state, hard, memory(1.5 * GI), 1);
    expect(state.due).toHaveLength(1);
    state = nextPressure(state, hard, memory(2 * GI), 2);
    expect(state.due).toEqual([]);
    state = nextPressure(state, hard, memory(1.5 * GI), 3);
    expect(state.due).toEqual([]);
  });
  it("of a soft threshold is acted upon after its grace, and forgotten when it goes in between", () => {
    const soft = parseThresholds({
      hard: "",
      soft: "memory.available<1Gi",
      softGrace: "memory.available=10s",
    });
    let state = nextPressure(NO_PRESSURE, soft, memory(0), 0);
    expect([state.due.length, hasCondition(state, "MemoryPressure", 0, 300_000)]).toEqual([0, true]);
    state = nextPressure(state, soft, memory(4 * GI), 5_000);
    state = nextPressure(state, soft, memory(0), 9_000);
    state = nextPressure(state, soft, memory(0), 18_000);
    expect(state.due).toHaveLength(0);
    expect(nextPressure(state, soft, memory(0), 19_000).due).toHaveLength(1);
  });
  it("shows a condition as long as it was seen within the transition period, whatever the observations", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 120_000 }), fc.boolean()), { maxLength: 30 }), (steps) => {
        let state = NO_PRESSURE;
        let clock = 0;
        let lastSeen = -Infinity;
        for (const [pause, low] of steps) {
          clock += pause;
          state = nextPressure(state, hard, memory(low ? 0 : 8 * GI), clock);
          if (low) lastSeen = clock;
          expect(hasCondition(state, "MemoryPressure", clock, 300_000)).toBe(clock - lastSeen < 300_000);
        }
      }),
    );
  });
  it("is told as node conditions whose transition time stays while the status does", () => {
    const first = pressureConditions(new Set(["DiskPressure"]), [], 0);
    expect(first.map((c) => [c.type, c.status, c.reason])).toEqual([
      ["MemoryPressure", "False", "KubeletHasSufficientMemory"],
      ["DiskPressure", "True", "KubeletHasDiskPressure"],
      ["PIDPressure", "False", "KubeletHasSufficientPID"],
    ]);
    const later = pressureConditions(new Set(), first, 60_000);
    expect(later.map((c) => c.lastTransitionTime)).toEqual([
      "1970-01-01T00:00:00Z",
      "1970-01-01T00:01:00Z",
      "1970-01-01T00:00:00Z",
    ]);
  });
  it("keeps out pods that would make it worse", () => {
    const burstable = makePod("b", { requests: { memory: "1Mi" } });
    const bestEffort = makePod("a");
    const pressed = new Set(["MemoryPressure"] as const);
    expect(refusedUnderPressure(bestEffort, new Set())).toBeUndefined();
    expect(refusedUnderPressure(burstable, pressed)).toBeUndefined();
    expect(refusedUnderPressure(bestEffort, pressed)).toEqual({
      reason: "Evicted",
      message: "The node had condition: [MemoryPressure]. ",
    });
    expect(refusedUnderPressure(burstable, new Set(["DiskPressure"]))?.reason).toBe("Evicted");
    expect(refusedUnderPressure(makePod("c", { priority: 2e9 }), new Set(["DiskPressure"]))).toBeUndefined();
  });
});

describe("a pod's own limits", () => {
  const disk = (volume: number, rootfs: number): PodDisk => ({
    rootfs: new Map([["main", usage(rootfs)]]),
    logs: new Map([["main", usage(MI)]]),
    volumes: [{ name: "v", usage: usage(volume), memory: false }],
  });
  const limited = (limits: Record<string, string> | undefined, sizeLimit: string | undefined): Pod => ({
    metadata: { name: "p", namespace: "default", uid: "u" },
    spec: {
      containers: [{ name: "main", ...(limits ? { resources: { limits } } : {}) }],
      volumes: [{ name: "v", emptyDir: sizeLimit ? { sizeLimit } : {} }],
    },
  });
  it("end it with upstream's sentences", () => {
    expect(exceededLimit(limited(undefined, "1Mi"), disk(2 * MI, 0))?.message).toBe(
      'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
    );
    expect(exceededLimit(limited({ "ephemeral-storage": "4Mi" }, undefined), disk(3 * MI, MI))?.message).toBe(
      "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ",
    );
    const two = limited({ "ephemeral-storage": "4Mi" }, undefined);
    two.spec?.containers.push({ name: "other" });
    expect(exceededLimit(two, disk(0, 4 * MI))?.message).toBe(
      'Container main exceeded its local ephemeral storage limit "4Mi". ',
    );
    expect(exceededLimit(limited({ "ephemeral-storage": "8Mi" }, "2Mi"), disk(MI, MI))).toBeUndefined();
  });
  it("are the only reason to measure a pod's disk", () => {
    expect(limitsLocalStorage(limited(undefined, undefined))).toBe(false);
    expect(limitsLocalStorage(limited(undefined, "1Mi"))).toBe(true);
    expect(limitsLocalStorage(limited({ "ephemeral-storage": "1Mi" }, undefined))).toBe(true);
  });
});

describe("the manager", () => {
  const start = (options: Partial<EvictionOptions> & { available: () => number; pods: () => Pod[] }) => {
    const ended: [string, EndOrder][] = [];
    const events: string[] = [];
    let changes = 0;
    const manager = createEvictionManager({
      thresholds: parseThresholds({ hard: "memory.available<1Gi" }),
      observe: () => Promise.resolve(memory(options.available())),
      readings: () => Promise.resolve([]),
      disk: () => Promise.reject(new Error("nothing asks for the disk")),
      end: (pod, order) => void ended.push([pod.metadata.name ?? "", order]),
      ended: () => Promise.resolve(),
      freeDisk: () => Promise.reject(new Error("the disk is not full")),
      onConditions: () => void (changes += 1),
      podEvent: (pod, reason, message) => void events.push(`${pod.metadata.name} ${reason} ${message}`),
      nodeEvent: (reason, message) => void events.push(`${reason} ${message}`),
      log: createLogger("test"),
      signal: new AbortController().signal,
      ...options,
    });
    return { manager, ended, events, changes: () => changes };
  };

  it("does nothing on a healthy node", async () => {
    const { manager, ended, changes } = start({ available: () => 4 * GI, pods: () => [makePod("a")] });
    await manager.look();
    expect([ended, changes()]).toEqual([[], 0]);
    expect(manager.conditions([]).every((c) => c.status === "False")).toBe(true);
  });
  it("ends the pod that is furthest over its request, and says why", async () => {
    const pods = [
      makePod("small", { requests: { memory: "10Mi" } }),
      makePod("greedy", { requests: { memory: "20Mi" } }),
      makePod("within", { requests: { memory: "900Mi" } }),
      makePod("important", { priority: 10 }),
      makePod("critical", { priority: 2e9 + 1000 }),
    ];
    const { manager, ended, events, changes } = start({
      available: () => 512 * MI,
      pods: () => pods,
      readings: () =>
        Promise.resolve([
          reading("small", 12 * MI),
          reading("greedy", 60 * MI),
          reading("within", 800 * MI),
          reading("important", 700 * MI),
          reading("critical", 2000 * MI),
        ]),
    });
    await manager.look();
    const message =
      "The node was low on resource: memory. Threshold quantity: 1Gi, available: 512Mi. " +
      "Container main was using 60Mi, request is 20Mi, has larger consumption of memory. ";
    expect(ended).toEqual([["greedy", { reason: "Evicted", message, graceSeconds: 1, disruption: true }]]);
    expect(events).toEqual([
      "EvictionThresholdMet Attempting to reclaim memory",
      `greedy Evicted ${message}`,
    ]);
    expect(changes()).toBe(1);
    expect(manager.conditions([])[0]).toMatchObject({ type: "MemoryPressure", status: "True" });
  });
  it("frees the disk first and evicts only when that is not enough", async () => {
    let free = 5;
    const { manager, ended } = start({
      thresholds: parseThresholds({}),
      available: () => 4 * GI,
      observe: () =>
        Promise.resolve(levels({ "nodefs.available": { available: free * GI, capacity: 100 * GI } })),
      pods: () => [makePod("a")],
      freeDisk: () => {
        free = 50;
        return Promise.resolve();
      },
      disk: () => Promise.resolve({ rootfs: new Map(), logs: new Map(), volumes: [] }),
    });
    await manager.look();
    expect(ended).toEqual([]);
    expect(manager.conditions([])[1]?.status).toBe("True");
  });
  it("ends a pod over the limit of its volume without calling it a disruption", async () => {
    const pod = makePod("a");
    Object.assign(pod.spec ?? {}, { volumes: [{ name: "v", emptyDir: { sizeLimit: "1Mi" } }] });
    const { manager, ended } = start({
      available: () => 4 * GI,
      pods: () => [pod],
      disk: () =>
        Promise.resolve({
          rootfs: new Map(),
          logs: new Map(),
          volumes: [{ name: "v", usage: usage(2 * MI), memory: false }],
        }),
    });
    await manager.look();
    await manager.look();
    expect(ended.map(([, order]) => order)).toMatchObject([
      { reason: "Evicted", graceSeconds: 1, disruption: false },
    ]);
  });
  it("says once that nothing is left to evict, each time that it comes to that", async () => {
    let free = 0;
    const said: string[] = [];
    const log = createLogger("test");
    log.error = (_: unknown, message?: string) => void said.push(message ?? "");
    const { manager } = start({ available: () => free, pods: () => [], log });
    await manager.look();
    await manager.look();
    expect(said).toEqual(["nothing is left to evict"]);
    free = 4 * GI;
    await manager.look();
    free = 0;
    await manager.look();
    expect(said).toHaveLength(2);
  });
  it("leaves ended and leaving pods alone", async () => {
    const over = makePod("over");
    over.status = { phase: "Failed" };
    const leaving = makePod("leaving");
    leaving.metadata.deletionTimestamp = "2026-11-23T00:00:00Z";
    const { manager, ended } = start({ available: () => 0, pods: () => [over, leaving] });
    await manager.look();
    expect(ended).toEqual([]);
  });
});
