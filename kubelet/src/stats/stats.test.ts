import { mkdtemp, mkdir, rm, writeFile, link } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDiskMeter, walk } from "./disk-meter.ts";
import { testContainer, testHost, testStats } from "./fixtures.ts";
import {
  createHostReader,
  parseCpuNanos,
  parseInterfaces,
  parseMemory,
  parseUpperDirectory,
} from "./host.ts";
import { containerMetrics, resourceMetrics } from "./prometheus.ts";
import { createRates } from "./rates.ts";
import type { MachinePart } from "./reading.ts";
import { createStats } from "./stats.ts";

const never = new AbortController().signal;

describe("a node that has a part of the machine", () => {
  const [max, threads] = [32768, 11];
  const own = (part: MachinePart) =>
    createStats({
      node: "node-1",
      runtime: { stats: () => Promise.resolve({ ...testStats(0, 0), pids: 20 }) },
      containers: () => ["a", "b"].map((pod) => testContainer(`c-${pod}`, pod, "main")),
      ofPod: () => [],
      pods: () => [],
      dataDirectory: "/",
      engineDirectory: "/",
      part,
      signal: never,
      host: testHost(),
    }).own();
  it("uses of it what its pods and the kubelet use", async () => {
    expect(await own({ pids: 300 })).toEqual({ processes: { max: 300, current: threads + 40 } });
    expect(await own({ pids: 2 * max })).toMatchObject({ processes: { max } });
    expect(await own({ memoryBytes: 1e9 })).toMatchObject({ memory: { totalBytes: 1e9 } });
  });
  it("is the whole machine where nothing is said", async () => {
    expect(await own({})).toEqual({});
  });
});

describe("the machine's figures", () => {
  it("count all time but idle and waiting", () => {
    expect(parseCpuNanos("cpu  100 20 30 4000 500 6 7 8 0 0\ncpu0 1 1 1\n")).toBe(171 * 1e7);
  });
  it("leave what the kernel can take back out of the working set", () => {
    const text =
      "MemTotal:  1000 kB\nMemFree:  300 kB\nInactive:  900 kB\nInactive(file):  200 kB\nAnonPages: 50 kB\n";
    expect(parseMemory(text)).toEqual({
      totalBytes: 1_024_000,
      usageBytes: 716_800,
      workingSetBytes: 512_000,
      rssBytes: 51_200,
    });
  });
  it("name each interface but loopback", () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0
  eth0:1500 10 2 0 0 0 0 0 900 9 3 0 0 0 0 0
`;
    expect(parseInterfaces(text)).toEqual([
      { name: "eth0", rxBytes: 1500, rxErrors: 2, txBytes: 900, txErrors: 3 },
    ]);
  });
  it("find the writable layer of an overlay root", () => {
    const text =
      "30 1 0:5 / /proc rw - proc proc rw\n29 1 0:4 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/var/lib/docker/overlay2/x/diff,workdir=/w\n";
    expect(parseUpperDirectory(text)).toBe("/var/lib/docker/overlay2/x/diff");
    expect(parseUpperDirectory("29 1 8:1 / / rw - ext4 /dev/sda rw")).toBeUndefined();
  });
  it("are those of this machine", async () => {
    const host = createHostReader();
    const [cpu, memory, processes] = await Promise.all([host.cpuNanos(), host.memory(), host.processes()]);
    expect(cpu).toBeGreaterThan(0);
    expect(memory.workingSetBytes).toBeGreaterThan(0);
    expect(memory.workingSetBytes).toBeLessThan(memory.totalBytes);
    expect(processes.current).toBeLessThan(processes.max);
    expect((await host.filesystem("/"))?.capacityBytes).toBeGreaterThan(0);
    expect(await host.filesystem("/no/such/path")).toBeUndefined();
    expect(await host.network(2 ** 30)).toEqual([]);
    expect(await host.enginePath("/no/such/path")).toBeUndefined();
  });
});

describe("speeds", () => {
  it("are of the last quarter of a minute, however often they are asked for", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 200, max: 20_000 }), { minLength: 1, maxLength: 40 }),
        (steps) => {
          const rates = createRates();
          let at = 0;
          rates.add("c", at, 0);
          for (const step of steps) {
            at += step;
            const rate = rates.add("c", at, at * 500);
            expect(rate?.perSecond).toBeCloseTo(500_000);
            expect(rate?.windowMs).toBeLessThanOrEqual(45_000);
          }
        },
      ),
    );
  });
  it("start anew after a counter went back or was not read for long", () => {
    const rates = createRates();
    rates.add("c", 0, 1000);
    expect(rates.add("c", 1000, 10)).toBeUndefined();
    expect(rates.add("c", 100_000, 20)).toBeUndefined();
  });
});

describe("the disk meter", () => {
  it("counts a file with two names once", async () => {
    const directory = await mkdtemp(join(tmpdir(), "meter-"));
    try {
      await mkdir(join(directory, "a/b"), { recursive: true });
      const before = await walk(directory);
      await writeFile(join(directory, "a/b/file"), Buffer.alloc(100_000, 1));
      await link(join(directory, "a/b/file"), join(directory, "again"));
      const after = await walk(directory);
      expect(after?.inodes).toBe((before?.inodes ?? 0) + 1);
      const grown = (after?.bytes ?? 0) - (before?.bytes ?? 0);
      expect(grown).toBeGreaterThanOrEqual(100_000);
      expect(grown).toBeLessThan(150_000);
      expect(await walk(join(directory, "none"))).toBeUndefined();
    } finally {
      await rm(directory, { recursive: true });
    }
  });
  it("does not walk again soon after a long walk", async () => {
    let clock = 0;
    let walks = 0;
    const meter = createDiskMeter(
      never,
      async () => {
        walks += 1;
        clock += 1_000;
        return { bytes: walks, inodes: 1 };
      },
      () => clock,
    );
    expect((await meter.measure("/x", 0))?.bytes).toBe(1);
    clock += 19_000;
    expect((await meter.measure("/x", 0))?.bytes).toBe(1);
    clock += 2_000;
    expect((await meter.measure("/x", 0))?.bytes).toBe(2);
  });
});

describe("the summary", () => {
  const make = (counters: Map<string, () => number>) => {
    let clock = 5_000_000;
    const asked: string[] = [];
    const containers = [
      testContainer("s1", "web", undefined),
      testContainer("a1", "web", "nginx"),
      testContainer("x1", "web", "old", { state: "exited" }),
    ];
    const stats = createStats({
      node: "node-1",
      runtime: {
        stats: (id) => {
          asked.push(id);
          clock += 100;
          return Promise.resolve(testStats(clock, counters.get(id)?.() ?? 0, 3 << 20));
        },
      },
      containers: () => containers,
      ofPod: () => containers,
      pods: () => [],
      dataDirectory: "/",
      engineDirectory: "/",
      signal: never,
      host: testHost(() => clock * 1e6),
      now: () => clock,
      steady: () => clock,
      startedAt: 0,
    });
    return { stats, asked, later: (ms: number) => (clock += ms) };
  };

  it("reads twice for the first answer, so that it has speeds, and once for later ones", async () => {
    let nanos = 0;
    const { stats, asked, later } = make(new Map([["a1", () => (nanos += 50e6)]]));
    const first = await stats.summary();
    expect(asked.filter((id) => id === "a1")).toHaveLength(2);
    expect(first.pods[0]?.containers[0]?.cpu?.usageNanoCores).toBe(250e6);
    await stats.summary();
    expect(asked.filter((id) => id === "a1")).toHaveLength(2);
    later(5_000);
    await stats.summary();
    expect(asked.filter((id) => id === "a1")).toHaveLength(3);
  });
  it("shows running containers, the pod as their sum, and the node", async () => {
    const { stats } = make(new Map());
    const { node, pods } = await stats.summary();
    expect(pods).toHaveLength(1);
    expect(pods[0]?.podRef).toEqual({ name: "web", namespace: "default", uid: "uid-web" });
    expect(pods[0]?.containers.map((c) => c.name)).toEqual(["nginx"]);
    expect(pods[0]?.memory?.workingSetBytes).toBe(6 << 20);
    expect(pods[0]?.network?.rxBytes).toBe(100);
    expect(node.memory.availableBytes).toBe(4e9);
    expect(node.rlimit?.curproc).toBe(500);
    expect(node.systemContainers.map((c) => c.name)).toEqual(["kubelet", "pods"]);
  });
  it("is also told in Prometheus's text", async () => {
    const { stats } = make(new Map([["a1", () => 2e9]]));
    const reading = await stats.reading();
    const text = resourceMetrics(reading);
    expect(text).toContain("# TYPE container_cpu_usage_seconds_total counter\n");
    expect(text).toMatch(
      /^container_cpu_usage_seconds_total\{container="nginx",namespace="default",pod="web"\} 2 \d+$/m,
    );
    expect(text).toMatch(/^pod_memory_working_set_bytes\{namespace="default",pod="web"\} 6291456 \d+$/m);
    const cadvisor = containerMetrics(reading, { cores: 2, disk: () => undefined });
    expect(cadvisor).toMatch(/^container_network_receive_bytes_total\{.*pod="web",interface="eth0"\} 100 /m);
    expect(cadvisor).toContain("\nmachine_cpu_cores 2\n");
    for (const row of cadvisor.split("\n"))
      expect(row === "" || /^(#|[a-z_]+(\{.*\})? [\d.e+-]+( \d+)?$)/.test(row)).toBe(true);
  });
});
