import { describe, expect, test } from "vitest";
import type { Pod, PodSpec, PodStatus } from "@coracle/shared/api/generated/core-v1.ts";
import { now } from "../arbitrary.test-support.ts";
import { columnNames, row } from "../kind.test-support.ts";
import { pods } from "./kind.ts";
import { podSummary } from "./summary.ts";

const podOf = (status: PodStatus, spec: Partial<PodSpec> = {}, metadata = {}): Pod => ({
  metadata,
  spec: { containers: [{ name: "a" }, { name: "b" }], ...spec },
  status,
});
const status = (name: string, state: object, more: object = {}) => ({
  name,
  ready: false,
  restartCount: 0,
  image: "",
  imageID: "",
  state,
  ...more,
});
const running = { running: { startedAt: "2026-11-23T10:00:00Z" } };
const ended = (exitCode: number, reason = "") => ({ terminated: { exitCode, reason } });
const init = { initContainers: [{ name: "i" }, { name: "j" }] };
const sidecar = { initContainers: [{ name: "i", restartPolicy: "Always" }] };
const initialized = [{ type: "Initialized", status: "True" }];

describe("STATUS, READY and RESTARTS", () => {
  test.each<[string, Pod, object]>([
    ["a new pod", podOf({ phase: "Pending" }), { status: "Pending", ready: "0/2", restarts: "0" }],
    [
      "a gated pod",
      podOf({
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
      }),
      { status: "SchedulingGated" },
    ],
    [
      "both running",
      podOf({
        phase: "Running",
        containerStatuses: [status("a", running, { ready: true }), status("b", running, { ready: true })],
      }),
      { status: "Running", ready: "2/2" },
    ],
    [
      "one crashing",
      podOf({
        phase: "Running",
        containerStatuses: [
          status(
            "a",
            { waiting: { reason: "CrashLoopBackOff" } },
            {
              restartCount: 3,
              lastState: { terminated: { exitCode: 1, finishedAt: "2026-11-23T11:55:00Z" } },
            },
          ),
          status("b", running, { ready: true }),
        ],
      }),
      { status: "CrashLoopBackOff", ready: "1/2", restarts: "3 (5m ago)" },
    ],
    [
      "a signal",
      podOf({
        phase: "Failed",
        containerStatuses: [status("a", { terminated: { exitCode: 137, signal: 9 } })],
      }),
      { status: "Signal:9" },
    ],
    [
      "an exit code without a reason",
      podOf({ phase: "Failed", containerStatuses: [status("a", ended(2))] }),
      { status: "ExitCode:2" },
    ],
    [
      "one completed, one running and ready",
      podOf({
        phase: "Running",
        conditions: [{ type: "Ready", status: "True" }],
        containerStatuses: [status("a", ended(0, "Completed")), status("b", running, { ready: true })],
      }),
      { status: "Running", ready: "1/2" },
    ],
    [
      "one completed, one running, not ready",
      podOf({
        phase: "Running",
        containerStatuses: [status("a", ended(0, "Completed")), status("b", running, { ready: true })],
      }),
      { status: "NotReady" },
    ],
    [
      "initializing",
      podOf(
        {
          phase: "Pending",
          initContainerStatuses: [status("i", ended(0, "Completed")), status("j", running)],
        },
        init,
      ),
      { status: "Init:1/2", ready: "0/2" },
    ],
    [
      "an init container that fails",
      podOf(
        { phase: "Pending", initContainerStatuses: [status("i", ended(1, "Error"), { restartCount: 2 })] },
        init,
      ),
      { status: "Init:Error", restarts: "2" },
    ],
    [
      "an init container that cannot start",
      podOf(
        {
          phase: "Pending",
          initContainerStatuses: [status("i", { waiting: { reason: "ImagePullBackOff" } })],
        },
        init,
      ),
      { status: "Init:ImagePullBackOff" },
    ],
    [
      "initialized, containers being made",
      podOf(
        {
          phase: "Pending",
          conditions: initialized,
          initContainerStatuses: [status("i", ended(0, "Completed"), { restartCount: 1 })],
          containerStatuses: [
            status("a", { waiting: { reason: "PodInitializing" } }),
            status("b", { waiting: { reason: "PodInitializing" } }),
          ],
        },
        init,
      ),
      { status: "PodInitializing", restarts: "0" },
    ],
    [
      "a sidecar counts",
      podOf(
        {
          phase: "Running",
          conditions: initialized,
          initContainerStatuses: [status("i", running, { ready: true, started: true, restartCount: 1 })],
          containerStatuses: [status("a", running, { ready: true }), status("b", running, { ready: true })],
        },
        sidecar,
      ),
      { status: "Running", ready: "3/3", restarts: "1" },
    ],
    [
      "being deleted",
      podOf({ phase: "Running" }, {}, { deletionTimestamp: "2026-11-23T11:59:00Z" }),
      { status: "Terminating" },
    ],
    [
      "deleted after its end",
      podOf({ phase: "Succeeded" }, {}, { deletionTimestamp: "2026-11-23T11:59:00Z" }),
      { status: "Succeeded" },
    ],
    [
      "on a lost node",
      podOf({ phase: "Running", reason: "NodeLost" }, {}, { deletionTimestamp: "2026-11-23T11:59:00Z" }),
      { status: "Unknown" },
    ],
    ["evicted", podOf({ phase: "Failed", reason: "Evicted" }), { status: "Evicted" }],
  ])("of %s", (_, pod, expected) => {
    expect(podSummary(pod, now)).toMatchObject(expected);
  });
});

test("a line of kubectl get pods -o wide", () => {
  expect(columnNames(pods)).toBe(
    "NAME READY STATUS RESTARTS AGE (IP) (NODE) (NOMINATED NODE) (READINESS GATES)",
  );
  const body = {
    spec: { containers: [{ name: "a" }], nodeName: "node-1", readinessGates: [{ conditionType: "x/y" }] },
    status: {
      phase: "Running",
      podIP: "10.244.1.5",
      podIPs: [{ ip: "10.244.1.5" }],
      conditions: [{ type: "x/y", status: "True" }],
    },
  };
  expect(row(pods, body)).toEqual({
    NAME: "web",
    READY: "0/1",
    STATUS: "Running",
    RESTARTS: "0",
    AGE: "60m",
    IP: "10.244.1.5",
    NODE: "node-1",
    "NOMINATED NODE": "<none>",
    "READINESS GATES": "1/1",
  });
});

test("grace is the pod's own, none where nothing runs, one second at least for a negative one", () => {
  const grace = pods.gracefulDelete?.gracePeriodSeconds as (pod: Pod, asked?: number) => number;
  const bound = { nodeName: "n", terminationGracePeriodSeconds: 45 };
  expect(grace(podOf({ phase: "Running" }, bound))).toBe(45);
  expect(grace(podOf({ phase: "Running" }, bound), 5)).toBe(5);
  expect(grace(podOf({ phase: "Running" }, bound), -1)).toBe(1);
  expect(grace(podOf({ phase: "Failed" }, bound), 5)).toBe(0);
  expect(grace(podOf({ phase: "Pending" }, { terminationGracePeriodSeconds: 45 }))).toBe(0);
});
