import type { ContainerStatus, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, kubectl } from "./support/run.ts";

const ns = useNamespace("status");
const { apply, pod, phase, ready, sh, logs, events } = podsIn(ns);
const box = `image: ${busybox}, command: [sh, -c]`;
const head = (name: string, spec = ""): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec:\n  terminationGracePeriodSeconds: 0\n  ${spec}\n`;
const idle = "trap 'exit 0' TERM; while :; do sleep 0.5; done";
const hostPort = "ports: [{ containerPort: 80, hostPort: 28999 }]";

beforeAll(() =>
  apply(`${head("halves")}
  containers:
    - { name: main, ${box}, args: ["${idle}"] }
    - { name: late, ${box}, args: ["${idle}"], readinessProbe: { exec: { command: [test, -f, /tmp/up] }, periodSeconds: 1, timeoutSeconds: 10 } }
${head("spoilt", "restartPolicy: Never")}
  initContainers:
    - { name: bad, ${box}, args: ["exit 3"] }
    - { name: never, ${box}, args: ["exit 0"] }
  containers: [{ name: main, ${box}, args: ["${idle}"] }]
${head("nothing-there")}
  containers: [{ name: main, image: ${busybox}, command: [/no/such/program] }]
${head("never-there", "restartPolicy: Never")}
  containers: [{ name: main, image: ${busybox}, command: [/no/such/program] }]
${head("no-image")}
  containers: [{ name: main, image: "nowhere.invalid/none:1", imagePullPolicy: Never }]
${head("hungry", "restartPolicy: Never")}
  containers: [{ name: main, ${box}, args: ["exec tail /dev/zero"], resources: { limits: { memory: 16Mi } } }]
${head("big", "nodeName: node-1")}
  containers: [{ name: main, ${box}, args: ["${idle}"], resources: { requests: { cpu: "1000" } } }]
${head("elsewhere", "nodeName: node-1")}
  nodeSelector: { is: not-there }
  containers: [{ name: main, ${box}, args: ["${idle}"] }]
${head("port-a", "nodeName: node-1")}
  containers: [{ name: main, ${box}, args: ["${idle}"], ${hostPort} }]
${head("port-b", "nodeName: node-1")}
  containers: [{ name: main, ${box}, args: ["${idle}"], ${hostPort} }]
${head("rules", "restartPolicy: Never")}
  containers:
    - { name: main, ${box}, args: ["exit 42"], restartPolicy: Never,
        restartPolicyRules: [{ action: Restart, exitCodes: { operator: In, values: [42] } }] }
    - { name: once, ${box}, args: ["exit 42"], restartPolicy: Never }
    - { name: retried, ${box}, args: ["exit 1"], restartPolicy: OnFailure }
${head("over", "restartPolicy: Never")}
  volumes: [{ name: v, emptyDir: {} }]
  initContainers: [{ name: first, ${box}, args: ["echo init >> /v/log"], volumeMounts: [{ name: v, mountPath: /v }] }]
  containers:
    - { name: main, ${box}, args: ["test -f /v/again && { cat /v/log; exit 0; }; until test -f /v/other; do sleep 0.1; done; touch /v/again; exit 42"], volumeMounts: [{ name: v, mountPath: /v }],
        restartPolicy: Never, restartPolicyRules: [{ action: RestartAllContainers, exitCodes: { operator: In, values: [42] } }] }
    - { name: other, ${box}, args: ["touch /v/other; ${idle}"], volumeMounts: [{ name: v, mountPath: /v }] }
${head("hooked")}
  containers:
    - { name: main, ${box}, args: ["${idle}"], lifecycle: { postStart: { exec: { command: [sh, -c, "echo s3cr3t; exit 5"] } } } }
    - { name: tcp, ${box}, args: ["${idle}"], lifecycle: { postStart: { tcpSocket: { port: 80 } } } }
`),
);

const conditions = (p: Pod): Record<string, string> =>
  Object.fromEntries(
    (p.status?.conditions ?? []).map((c) => [
      c.type,
      [c.status, c.reason, c.message].filter(Boolean).join("|"),
    ]),
  );
const container = (p: Pod, name = "main"): ContainerStatus | undefined =>
  p.status?.containerStatuses?.find((s) => s.name === name);

test("conditions name what is not ready, and say no more of it once it is", async () => {
  const half = await eventually("one of two is ready", async () => {
    const now = await pod("halves");
    return container(now)?.ready && container(now, "late")?.state?.running ? now : undefined;
  });
  const unready = "False|ContainersNotReady|containers with unready status: [late]";
  expect(conditions(half)).toMatchObject({
    PodScheduled: "True",
    PodReadyToStartContainers: "True",
    Initialized: "True",
    ContainersReady: unready,
    Ready: unready,
  });
  await sh("halves", "touch /tmp/up", "late");
  await ready("halves");
  const whole = await pod("halves");
  expect(conditions(whole)).toMatchObject({ ContainersReady: "True", Ready: "True" });
  expect(whole.status).toMatchObject({ observedGeneration: 1, qosClass: "BestEffort" });
  expect(whole.status?.podIPs).toEqual([{ ip: whole.status?.podIP }]);
  expect(whole.status?.hostIPs).toEqual([{ ip: whole.status?.hostIP }]);
  for (const { observedGeneration } of whole.status?.conditions ?? []) expect(observedGeneration).toBe(1);
});

test("an init container that fails for good fails its pod, and the others stay as they were", async () => {
  const failed = await phase("spoilt", "Failed");
  expect(failed.status?.initContainerStatuses?.map(({ state }) => state)).toEqual([
    { terminated: expect.objectContaining({ exitCode: 3, reason: "Error" }) as object },
    { waiting: { reason: "PodInitializing" } },
  ]);
  expect(container(failed)?.state).toEqual({ waiting: { reason: "PodInitializing" } });
  expect(conditions(failed)).toMatchObject({
    Initialized: "False|ContainersNotInitialized|containers with incomplete status: [bad never]",
    ContainersReady: "False|PodFailed",
    Ready: "False|PodFailed",
  });
});

test("what cannot be started is told, and tried again", async () => {
  const missing = await eventually("its start failed", async () => {
    const now = await pod("nothing-there");
    return container(now)?.lastState?.terminated ? now : undefined;
  });
  expect(container(missing)?.lastState?.terminated).toMatchObject({
    reason: "StartError",
    message: expect.stringContaining("/no/such/program") as string,
  });
  const given = await phase("never-there", "Failed");
  expect(container(given)).toMatchObject({
    state: { terminated: { exitCode: 128, reason: "StartError" } },
    lastState: {},
  });
  const unpulled = await eventually("it lacks its image", async () => {
    const { waiting } = container(await pod("no-image"))?.state ?? {};
    return waiting?.reason === "ErrImageNeverPull" ? waiting : undefined;
  });
  expect(unpulled.message).toBe(
    'Container image "nowhere.invalid/none:1" is not present with pull policy of Never',
  );
});

test("a container that ran out of memory says so", async () => {
  const killed = container(await phase("hungry", "Failed"));
  expect(killed).toMatchObject({ ready: false, started: false, restartCount: 0 });
  expect(killed?.state?.terminated).toMatchObject({ reason: "OOMKilled", exitCode: 137 });
  expect(killed?.imageID).not.toBe("");
});

test("a node refuses what it has no room, no port or no label for", async () => {
  const refused = async (name: string): Promise<Pod> => {
    const failed = await phase(name, "Failed");
    expect(failed.status).not.toHaveProperty("containerStatuses");
    expect(await events(name)).toContain(`${failed.status?.reason}: `);
    return failed;
  };
  const [big, elsewhere] = await Promise.all([refused("big"), refused("elsewhere")]);
  expect(big.status?.reason).toBe("OutOfcpu");
  expect(big.status?.message).toMatch(
    /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: \d+, capacity: \d+$/,
  );
  expect(elsewhere.status).toMatchObject({
    reason: "NodeAffinity",
    message:
      "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  });
  expect(await kubectl("get", "pod", "big", "-n", ns, "--no-headers")).toMatch(/0\/1 +OutOfcpu /);

  const first = await eventually("one of two has the port", async () => {
    const both = await Promise.all([pod("port-a"), pod("port-b")]);
    return both.find((p) => p.status?.phase === "Running");
  });
  const second = first.metadata.name === "port-a" ? "port-b" : "port-a";
  expect((await refused(second)).status).toMatchObject({
    reason: "NodePorts",
    message:
      "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  });
});

test("containers have restart policies and rules of their own", async () => {
  const running = await eventually("two were restarted", async () => {
    const now = await pod("rules");
    const counts = ["main", "retried"].map((name) => container(now, name)?.restartCount ?? 0);
    return counts.every((n) => n > 0) ? now : undefined;
  });
  expect(running.status?.phase).toBe("Running");
  expect(container(running, "once")).toMatchObject({
    restartCount: 0,
    state: { terminated: { exitCode: 42, reason: "Error" } },
  });
});

test("a rule may have the whole pod started over, its volumes and address kept", async () => {
  const over = await eventually("it is through, the second time", async () => {
    const now = await pod("over");
    return container(now)?.state?.terminated?.exitCode === 0 && container(now, "other")?.state?.running
      ? now
      : undefined;
  });
  const all = [...(over.status?.initContainerStatuses ?? []), ...(over.status?.containerStatuses ?? [])];
  expect(all.map(({ name, restartCount }) => [name, restartCount])).toEqual([
    ["first", 1],
    ["main", 1],
    ["other", 1],
  ]);
  expect(await logs("over", "-c", "main")).toBe("init\ninit\n");
  expect(over.status?.phase).toBe("Running");
  expect(Object.keys(conditions(over))).not.toContain("AllContainersRestarting");
});

test("a postStart hook that fails ends its container, and its words stay secret", async () => {
  const restarted = await eventually("both were ended and started again", async () => {
    const now = await pod("hooked");
    return ["main", "tcp"].every((name) => container(now, name)?.lastState?.terminated) ? now : undefined;
  });
  expect(conditions(restarted)["Ready"]).toContain("ContainersNotReady");
  const told = await events("hooked");
  expect(told).toContain("FailedPostStartHook: PostStartHook failed\n");
  expect(told).toContain("Killing: FailedPostStartHook\n");
  expect(told).not.toContain("s3cr3t");
});
