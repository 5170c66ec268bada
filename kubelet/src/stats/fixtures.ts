/** Containers, counters and a machine for tests. */
import { LABEL } from "../container/names.ts";
import type { ContainerStats, RuntimeContainer } from "../runtime/runtime.ts";
import type { HostReader } from "./host.ts";

export const testContainer = (
  id: string,
  pod: string,
  name: string | undefined,
  more: Partial<RuntimeContainer> = {},
): RuntimeContainer => ({
  id,
  name: `k8s_${name ?? "POD"}_${pod}`,
  labels: {
    [LABEL.type]: name ? "container" : "sandbox",
    [LABEL.podUid]: `uid-${pod}`,
    [LABEL.podName]: pod,
    [LABEL.podNamespace]: "default",
    ...(name ? { [LABEL.container]: name } : {}),
  },
  image: "busybox:1.36",
  imageId: "sha256:1",
  state: "running",
  pid: 100,
  createdAt: 1_000_000,
  startedAt: 1_000_000,
  finishedAt: undefined,
  exitCode: 0,
  oomKilled: false,
  error: "",
  stopSignal: "SIGTERM",
  tty: false,
  stdin: false,
  ...more,
});

export const testStats = (atMs: number, cpuNanos: number, workingSetBytes = 1 << 20): ContainerStats => ({
  atMs,
  cpuNanos,
  memoryBytes: workingSetBytes + 4096,
  workingSetBytes,
  rssBytes: workingSetBytes,
  memoryLimitBytes: 64 << 20,
  pageFaults: 1,
  majorPageFaults: 0,
  pids: 2,
});

/** A machine whose processors have worked `cpuNanos()` so far. */
export const testHost = (cpuNanos: () => number = () => 0): HostReader => ({
  cpuNanos: () => Promise.resolve(cpuNanos()),
  memory: () => Promise.resolve({ totalBytes: 8e9, usageBytes: 5e9, workingSetBytes: 4e9, rssBytes: 3e9 }),
  pageFaults: () => Promise.resolve({ all: 10, major: 1 }),
  network: () => Promise.resolve([{ name: "eth0", rxBytes: 100, rxErrors: 0, txBytes: 200, txErrors: 0 }]),
  processes: () => Promise.resolve({ max: 32768, current: 500 }),
  threads: () => Promise.resolve(11),
  bootTimeMs: () => Promise.resolve(0),
  filesystem: () =>
    Promise.resolve({
      availableBytes: 60e9,
      capacityBytes: 100e9,
      usedBytes: 40e9,
      inodesFree: 900,
      inodes: 1000,
    }),
  enginePath: (path) => Promise.resolve(path),
  writableLayer: () => Promise.resolve(undefined),
});
