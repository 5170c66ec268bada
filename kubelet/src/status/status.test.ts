import type { Container, ContainerStatus, Pod, PodStatus } from "@coracle/shared/api/generated/core-v1.ts";
import { pods } from "@coracle/shared/api/resources.ts";
import { createLogger } from "@coracle/shared/log.ts";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { LABEL } from "../container/names.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { containerStatus, type ContainerFacts } from "./container-status.ts";
import { podStatus, type StatusInput } from "./pod-status.ts";
import { createMemoryClient } from "../testing/memory-client.ts";
import { createStatusWriter, statusPatch } from "./writer.ts";

const T0 = Date.parse("2026-01-01T00:00:00Z");
const instance = (
  state: RuntimeContainer["state"],
  extra: Partial<RuntimeContainer> & { attempt?: number } = {},
): RuntimeContainer => ({
  id: `id${extra.attempt ?? 0}`,
  name: "n",
  labels: { [LABEL.attempt]: String(extra.attempt ?? 0) },
  image: "nginx:1",
  imageId: "sha256:1",
  state,
  pid: 1,
  createdAt: T0,
  startedAt: T0 + 1000,
  finishedAt: state === "exited" ? T0 + 2000 : undefined,
  exitCode: 0,
  oomKilled: false,
  error: "",
  stopSignal: "SIGTERM",
  tty: false,
  stdin: false,
  ...extra,
});
const facts = (
  name: string,
  newest?: RuntimeContainer,
  extra: Partial<Omit<ContainerFacts, "spec">> & { spec?: Partial<Container> } = {},
): ContainerFacts => ({
  kind: "main",
  newest,
  previous: undefined,
  started: newest?.state === "running",
  ready: newest?.state === "running",
  waiting: undefined,
  messageOf: () => undefined,
  imageDigest: newest && "docker://sha256:1",
  before: undefined,
  ...extra,
  spec: { name, image: "nginx:1", ...extra.spec },
});
const input = (
  containers: ContainerFacts[],
  spec: Partial<NonNullable<Pod["spec"]>> = {},
  extra: Partial<StatusInput> = {},
): StatusInput => ({
  pod: {
    metadata: { name: "p", generation: 3 },
    spec: {
      ...spec,
      initContainers: containers.filter((c) => c.kind === "init" || c.kind === "sidecar").map((c) => c.spec),
      containers: containers.filter((c) => c.kind === "main").map((c) => c.spec),
    },
  },
  previous: undefined,
  containers,
  sandboxReady: true,
  podIPs: ["10.244.1.2"],
  hostIPs: ["172.30.0.4"],
  startTime: T0,
  ending: false,
  now: T0 + 5000,
  ...extra,
});
const condition = (status: PodStatus, type: string) => status.conditions?.find((c) => c.type === type);
const up = instance("running");
const done = instance("exited");
const failed = instance("exited", { exitCode: 1 });
const asInit = { kind: "init" as const };
const byRule = {
  spec: { restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [1] } }] },
};
const asSidecar = { kind: "sidecar" as const, spec: { restartPolicy: "Always" } };

describe("a container's status", () => {
  test.each<[string, RuntimeContainer, Partial<ContainerStatus["state"] & object>]>([
    ["running", up, { running: { startedAt: "2026-01-01T00:00:01Z" } }],
    ["completed", done, { terminated: { exitCode: 0, reason: "Completed" } }],
    ["failed", failed, { terminated: { exitCode: 1, reason: "Error" } }],
    [
      "out of memory",
      instance("exited", { exitCode: 137, oomKilled: true }),
      { terminated: { exitCode: 137, reason: "OOMKilled" } },
    ],
    [
      "never started",
      instance("exited", { exitCode: 127, error: "no such file", startedAt: undefined }),
      { terminated: { exitCode: 128, reason: "StartError", message: "no such file" } },
    ],
  ])("%s", (_, newest, state) =>
    expect(containerStatus(facts("c", newest), false).state).toMatchObject(state),
  );

  test("a restarted one shows its last state and how often", () => {
    const status = containerStatus(
      facts("c", instance("running", { attempt: 2 }), {
        previous: instance("exited", { attempt: 1, exitCode: 3 }),
      }),
      false,
    );
    expect(status).toMatchObject({
      restartCount: 2,
      state: { running: {} },
      lastState: { terminated: { exitCode: 3, containerID: "docker://id1" } },
      containerID: "docker://id2",
    });
  });

  test("what is set aside for it is told apart from what it has", () => {
    const [small, large] = [{ requests: { cpu: "1" } }, { requests: { cpu: "2" } }];
    expect(containerStatus(facts("c", up, { resources: small, allocated: large }), false)).toMatchObject({
      resources: small,
      allocatedResources: large.requests,
    });
  });

  test("one that waits for its back-off shows how it ended", () => {
    const waiting = { reason: "CrashLoopBackOff", message: "back-off" };
    expect(containerStatus(facts("c", failed, { waiting }), false)).toMatchObject({
      state: { waiting },
      lastState: { terminated: { exitCode: 1 } },
      ready: false,
    });
  });

  test("before anything runs it is being made, or waits for init containers", () => {
    expect(containerStatus(facts("c"), false).state).toEqual({ waiting: { reason: "ContainerCreating" } });
    expect(containerStatus(facts("c"), true).state).toEqual({ waiting: { reason: "PodInitializing" } });
  });

  test("it is ready when it runs, has started and says so", () => {
    expect(containerStatus(facts("c", up), false)).toMatchObject({ ready: true, started: true });
    expect(containerStatus(facts("c", up, { ready: false }), false)).toMatchObject({
      ready: false,
      started: true,
    });
    expect(containerStatus(facts("c", up, { started: false }), false)).toMatchObject({
      ready: false,
      started: false,
    });
    expect(containerStatus(facts("c", done, asInit), false).ready).toBe(true);
  });
});

describe("a pod's phase", () => {
  test.each<[string, ContainerFacts[], string, string]>([
    ["nothing runs yet", [facts("m")], "Always", "Pending"],
    ["one of two runs", [facts("m", up), facts("n")], "Always", "Pending"],
    ["all run", [facts("m", up), facts("n", up)], "Always", "Running"],
    ["one has ended, one runs", [facts("m", done), facts("n", up)], "Never", "Running"],
    ["all have ended well", [facts("m", done), facts("n", done)], "Never", "Succeeded"],
    ["one has failed", [facts("m", done), facts("n", failed)], "Never", "Failed"],
    ["one has failed and is restarted", [facts("m", failed)], "OnFailure", "Running"],
    ["all have ended, and are restarted", [facts("m", done)], "Always", "Running"],
    [
      "it backs off",
      [facts("m", failed, { waiting: { reason: "CrashLoopBackOff", message: "" } })],
      "Always",
      "Running",
    ],
    ["it initializes", [facts("i", up, asInit), facts("m")], "Always", "Pending"],
    ["an init container failed for good", [facts("i", failed, asInit), facts("m")], "Never", "Failed"],
    ["an init container is retried", [facts("i", failed, asInit), facts("m")], "Always", "Pending"],
    ["a rule has one restarted", [facts("m", failed, byRule), facts("n", done)], "Never", "Running"],
    [
      "one has a policy of its own",
      [facts("m", failed, { spec: { restartPolicy: "OnFailure" } }), facts("n", failed)],
      "Never",
      "Running",
    ],
    [
      "one has ended in spite of the pod's policy",
      [facts("m", failed, { spec: { restartPolicy: "Never" } })],
      "Always",
      "Failed",
    ],
    [
      "a rule has an init container retried",
      [facts("i", failed, { ...asInit, ...byRule })],
      "Never",
      "Pending",
    ],
    ["a sidecar outlives the rest", [facts("s", up, asSidecar), facts("m", done)], "Never", "Running"],
  ])("%s", (_, containers, restartPolicy, phase) =>
    expect(podStatus(input(containers, { restartPolicy })).phase).toBe(phase),
  );

  test("a pod that is ended is over when its containers are, whatever the policy", () => {
    const ending = { ending: true };
    expect(podStatus(input([facts("m", up)], {}, ending)).phase).toBe("Running");
    expect(podStatus(input([facts("m", failed)], {}, ending)).phase).toBe("Failed");
    expect(podStatus(input([facts("m", done)], {}, ending)).phase).toBe("Succeeded");
  });
  test("a pod has not ended while it has devices to give back", () => {
    const held = { holdsDevices: true, previous: { phase: "Running" } };
    expect(podStatus(input([facts("m", done)], { restartPolicy: "Never" }, held)).phase).toBe("Running");
    expect(
      podStatus(input([facts("m", done)], { restartPolicy: "Never" }, { ...held, holdsDevices: false }))
        .phase,
    ).toBe("Succeeded");
  });

  test("a container's stop signal is told by its name, however the image writes it", () => {
    const told = (stopSignal: string): string | undefined =>
      containerStatus(facts("m", instance("running", { stopSignal })), false).stopSignal;
    expect(["SIGTERM", "3", "USR1", "SIGRTMIN+3"].map(told)).toEqual([
      "SIGTERM",
      "SIGQUIT",
      "SIGUSR1",
      "SIGRTMIN+3",
    ]);
    expect(containerStatus(facts("m"), false)).not.toHaveProperty("stopSignal");
  });

  test("of an ended pod every container that was due has an end", () => {
    const lost = { exitCode: 137, reason: "ContainerStatusUnknown" };
    const ended = (...containers: ContainerFacts[]): (object | undefined)[] => {
      const status = podStatus(input(containers, {}, { ending: true }));
      expect(status.phase).toBe("Failed");
      return [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
        ({ state }) => state?.terminated,
      );
    };
    expect(ended(facts("m", failed), facts("n"))).toMatchObject([{ exitCode: 1 }, lost]);
    expect(ended(facts("m"))).toMatchObject([lost]);
    const [i, j] = [facts("i", failed, asInit), facts("j", undefined, asInit)];
    expect(ended(i, j, facts("m"))).toMatchObject([{ exitCode: 1 }, undefined, undefined]);
    expect(ended(facts("i", done, asInit), facts("m"))).toMatchObject([{ exitCode: 0 }, lost]);
  });

  test("a refused pod has no containers and only the conditions others gave it", () => {
    const verdict = { reason: "OutOfcpu", message: "Pod was rejected: no", refused: true };
    const conditions = [{ type: "PodScheduled", status: "True" }];
    const refused = podStatus(input([facts("m")], {}, { verdict, previous: { conditions } }));
    expect(refused).toEqual({
      observedGeneration: 3,
      phase: "Failed",
      reason: "OutOfcpu",
      message: "Pod was rejected: no",
      conditions,
      startTime: "2026-01-01T00:00:00Z",
      qosClass: "BestEffort",
    });
    // A later life of the kubelet knows nothing of the verdict.
    expect(podStatus(input([facts("m")], {}, { previous: refused }))).toEqual(refused);
  });

  test("an ended pod never runs again", () =>
    expect(podStatus(input([facts("m", up)], {}, { previous: { phase: "Failed" } })).phase).toBe("Failed"));

  test("a verdict of the node is the pod's reason once nothing runs", () => {
    const verdict = { reason: "Evicted", message: "The node was low on resource: memory." };
    const running = podStatus(input([facts("m", up)], {}, { verdict }));
    expect([running.phase, running.reason, running.message]).toEqual(["Running", undefined, undefined]);
    expect(podStatus(input([facts("m", failed)], {}, { verdict }))).toMatchObject({
      phase: "Failed",
      ...verdict,
    });
  });
});

describe("a pod's conditions", () => {
  test("all are true once everything is ready", () => {
    const status = podStatus(input([facts("m", up)]));
    for (const type of [
      "PodReadyToStartContainers",
      "Initialized",
      "Ready",
      "ContainersReady",
      "PodScheduled",
    ])
      expect(condition(status, type)).toMatchObject({ status: "True", observedGeneration: 3 });
  });
  test("what is not ready is named", () => {
    const status = podStatus(input([facts("i", up, asInit), facts("m"), facts("n")]));
    expect(condition(status, "Initialized")).toMatchObject({
      status: "False",
      reason: "ContainersNotInitialized",
      message: "containers with incomplete status: [i]",
    });
    expect(condition(status, "Ready")).toMatchObject({
      status: "False",
      reason: "ContainersNotReady",
      message: "containers with unready status: [m n]",
    });
  });
  test("a readiness gate holds the pod back", () => {
    const gated = input([facts("m", up)], { readinessGates: [{ conditionType: "x/y" }] });
    expect(condition(podStatus(gated), "Ready")).toMatchObject({
      status: "False",
      reason: "ReadinessGatesNotReady",
      message: 'corresponding condition of pod readiness gate "x/y" does not exist.',
    });
    const open: Pod = { ...gated.pod, status: { conditions: [{ type: "x/y", status: "True" }] } };
    expect(condition(podStatus({ ...gated, pod: open }), "Ready")?.status).toBe("True");
  });
  test("the time of a transition stays until the next", () => {
    const first = podStatus(input([facts("m", up)]));
    const later = podStatus(input([facts("m", up)], {}, { previous: first, now: T0 + 60_000 }));
    expect(condition(later, "Ready")?.lastTransitionTime).toBe(condition(first, "Ready")?.lastTransitionTime);
    const lost = podStatus(input([facts("m", failed)], {}, { previous: first, now: T0 + 60_000 }));
    expect(condition(lost, "Ready")?.lastTransitionTime).toBe("2026-01-01T00:01:00Z");
    expect(lost.startTime).toBe("2026-01-01T00:00:00Z");
  });
});

describe("what is written", () => {
  test("nothing when nothing changed, else only that", () => {
    const before = podStatus(input([facts("m", up)]));
    expect(statusPatch("u", before, before)).toBeUndefined();
    const after = podStatus(input([facts("m", up, { ready: false })], {}, { previous: before }));
    const patch = statusPatch("u", after, before) as { metadata: object; status: PodStatus };
    expect(patch.metadata).toEqual({ uid: "u" });
    expect(Object.keys(patch.status).toSorted()).toEqual(["conditions", "containerStatuses"]);
    expect(patch.status.conditions?.map((c) => c.type)).toEqual(["Ready", "ContainersReady"]);
  });
  test("what a condition no longer says is taken away", () => {
    const before = podStatus(input([facts("m", up, { ready: false })]));
    const ready = podStatus(input([facts("m", up)], {}, { previous: before }));
    const { status } = statusPatch("u", ready, before) as { status: PodStatus };
    expect(condition(status, "Ready")).toMatchObject({ status: "True", reason: null, message: null });
    const ended = podStatus(input([facts("m", done)], { restartPolicy: "Never" }, { previous: before }));
    const patch = statusPatch("u", ended, before) as { status: PodStatus };
    expect(condition(patch.status, "Ready")).toMatchObject({ reason: "PodCompleted", message: null });
  });
  test("a condition that another writer overruled is put right", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const client = createMemoryClient();
    const writer = createStatusWriter(client, createLogger("test"), new AbortController().signal);
    const pod: Pod = {
      metadata: { name: "p", namespace: "n", uid: "u", resourceVersion: "1" },
      spec: { containers: [] },
    };
    client.put(pods, pod);
    const status: PodStatus = { conditions: [{ type: "Ready", status: "True" }] };
    writer.set(pod, status);
    await writer.flushed("u");
    const marked: Pod = {
      ...pod,
      metadata: { ...pod.metadata, resourceVersion: "2" },
      status: { conditions: [{ type: "Ready", status: "False", reason: "NodeLost" }] },
    };
    client.put(pods, marked);
    writer.set(marked, status);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(client.pod("n", "p")?.status).toEqual(status);
  });
  test("a condition overruled while a write is under way is put right, though no news of it follows", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const client = createMemoryClient();
    const pod: Pod = {
      metadata: { name: "p", namespace: "n", uid: "u", resourceVersion: "1" },
      spec: { containers: [] },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    };
    const marked: Pod = {
      ...pod,
      metadata: { ...pod.metadata, resourceVersion: "2" },
      status: { conditions: [{ type: "Ready", status: "False" }] },
    };
    client.put(pods, pod);
    const late: typeof client = {
      ...client,
      patch: (...call) => {
        if (client.history.length === 0) client.put(pods, marked);
        return client.patch(...call);
      },
    };
    const writer = createStatusWriter(late, createLogger("test"), new AbortController().signal);
    const status: PodStatus = { conditions: [{ type: "Ready", status: "True" }], hostIP: "172.30.0.5" };
    writer.set(pod, status);
    writer.set(marked, status);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(client.pod("n", "p")?.status).toEqual(status);
  });
  test("others' fields and conditions are left alone", () => {
    const before: PodStatus = {
      phase: "Pending",
      resize: "x",
      conditions: [{ type: "Other", status: "True" }],
      reason: "r",
    };
    expect(statusPatch("u", { phase: "Running", conditions: [] }, before)).toEqual({
      metadata: { uid: "u" },
      status: { phase: "Running", reason: null },
    });
  });
});
