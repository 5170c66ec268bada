import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, kubectl, kubectlBackground } from "./support/run.ts";

const ns = useNamespace("lifecycle");
const { apply, pod, ready, phase, logs, sh, events } = podsIn(ns);
const box = `image: ${busybox}, command: [sh, -c]`;
const head = (name: string, spec = ""): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec:\n  ${spec}\n`;
const idle = "trap 'exit 0' TERM; while :; do sleep 1; done";

beforeAll(() =>
  apply(`${head("order", "restartPolicy: Never")}
  volumes: [{ name: v, emptyDir: {} }]
  initContainers:
    - { name: first, ${box}, args: ["echo first >> /v/log"], volumeMounts: [{ name: v, mountPath: /v }] }
    - { name: side, ${box}, args: ["echo side >> /v/log; ${idle}"], restartPolicy: Always,
        startupProbe: { exec: { command: [test, -f, /v/log] }, periodSeconds: 1 },
        volumeMounts: [{ name: v, mountPath: /v }] }
    - { name: last, ${box}, args: ["echo last >> /v/log"], volumeMounts: [{ name: v, mountPath: /v }] }
  containers:
    - { name: main, ${box}, args: ["cat /v/log"], volumeMounts: [{ name: v, mountPath: /v }] }
${head("crash")}
  containers: [{ name: main, ${box}, args: ["echo try; exit 3"] }]
${head("onfailure", "restartPolicy: OnFailure")}
  containers: [{ name: main, ${box}, args: ["test -f /v/x && exit 0; touch /v/x; exit 1"],
    volumeMounts: [{ name: v, mountPath: /v }] }]
  volumes: [{ name: v, emptyDir: {} }]
${head("never", "restartPolicy: Never")}
  containers:
    - { name: main, ${box}, args: ["echo said > /dev/termination-log; exit 4"] }
    - { name: other, ${box}, args: ["echo logged; exit 5"], terminationMessagePolicy: FallbackToLogsOnError }
${head("deadline", "activeDeadlineSeconds: 2")}
  terminationGracePeriodSeconds: 1
  containers: [{ name: main, ${box}, args: ["${idle}"] }]
${head("gated", "readinessGates: [{ conditionType: example.com/open }]")}
  terminationGracePeriodSeconds: 0
  containers: [{ name: main, ${box}, args: ["${idle}"] }]
${head("started", "terminationGracePeriodSeconds: 0")}
  containers:
    - { name: main, ${box}, args: ["${idle}"], startupProbe: { exec: { command: [test, -f, /tmp/up] }, periodSeconds: 1, failureThreshold: 100 },
        livenessProbe: { exec: { command: [test, -f, /tmp/up] }, periodSeconds: 1, failureThreshold: 1 },
        lifecycle: { postStart: { exec: { command: [sh, -c, "echo hook > /tmp/hook"] } } } }
${head("hangs", "terminationGracePeriodSeconds: 3")}
  containers: [{ name: main, ${box}, args: ["${idle}"], lifecycle: { preStop: { exec: { command: [sleep, "600"] } } } }]
${head("naps", "terminationGracePeriodSeconds: 20")}
  containers: [{ name: main, ${box}, args: ["${idle}"], lifecycle: { preStop: { sleep: { seconds: 2 } } } }]
`),
);

test("init containers and sidecars start in order, and a sidecar does not keep its pod from ending", async () => {
  const done = await phase("order", "Succeeded");
  expect(await logs("order", "-c", "main")).toBe("first\nside\nlast\n");
  expect(
    done.status?.initContainerStatuses?.map(({ name, state }) => [name, state?.terminated?.exitCode]),
  ).toEqual([
    ["first", 0],
    ["side", 0],
    ["last", 0],
  ]);
});

test("restart policies: Always backs off, OnFailure ends well, Never ends at once", async () => {
  const backedOff = await eventually("CrashLoopBackOff", async () => {
    const status = (await pod("crash")).status?.containerStatuses?.[0];
    return status?.state?.waiting?.reason === "CrashLoopBackOff" ? status : undefined;
  });
  expect(backedOff.lastState?.terminated?.exitCode).toBe(3);
  expect(await logs("crash", "--previous")).toBe("try\n");
  await eventually("an event says so", async () => (await events("crash")).includes("BackOff: "));
  expect((await phase("onfailure", "Succeeded")).status?.containerStatuses?.[0]?.restartCount).toBe(1);
  const never = (await phase("never", "Failed")).status?.containerStatuses;
  expect(never?.map(({ state }) => [state?.terminated?.exitCode, state?.terminated?.message])).toEqual([
    [4, "said\n"],
    [5, "logged\n"],
  ]);
});

test("activeDeadlineSeconds fails the pod", async () => {
  expect((await phase("deadline", "Failed")).status?.reason).toBe("DeadlineExceeded");
});

test("a readiness gate holds readiness back until its condition is true", async () => {
  const conditions = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await pod("gated")).status?.conditions?.map((c) => [c.type, c.status]) ?? []);
  await eventually(
    "its containers are ready",
    async () => (await conditions())["ContainersReady"] === "True",
  );
  expect(await conditions()).toMatchObject({ Ready: "False" });
  const patch = { status: { conditions: [{ type: "example.com/open", status: "True" }] } };
  await kubectl("patch", "pod", "gated", "-n", ns, "--subresource=status", "-p", JSON.stringify(patch));
  await ready("gated");
});

test("other probes wait for the startup probe, and postStart has run", async () => {
  await phase("started", "Running");
  await eventually("the hook ran", async () => (await sh("started", "cat /tmp/hook")) === "hook\n");
  const before = (await pod("started")).status?.containerStatuses?.[0];
  expect(before).toMatchObject({ started: false, ready: false, restartCount: 0 });
  await sh("started", "touch /tmp/up");
  await ready("started");
});

test("an ephemeral container joins a running pod", async () => {
  await kubectl(
    "debug",
    "-n",
    ns,
    "started",
    `--image=${busybox}`,
    "-c",
    "guest",
    "--",
    "sh",
    "-c",
    "echo here",
  );
  await eventually("it spoke", async () => (await logs("started", "-c", "guest")) === "here\n");
});

test("preStop: a sleep is kept, one that hangs ends with the grace period", async () => {
  await ready("hangs", "naps");
  const timed = async (name: string): Promise<number> => {
    const start = Date.now();
    await kubectl("delete", "pod", name, "-n", ns);
    return Date.now() - start;
  };
  const [hangs, naps] = await Promise.all([timed("hangs"), timed("naps")]);
  expect(hangs).toBeGreaterThan(2500);
  expect(hangs).toBeLessThan(12_000);
  expect(naps).toBeGreaterThan(1900);
  expect(naps).toBeLessThan(12_000);
});

test("logs keep to their options", async () => {
  expect(await logs("never", "--all-containers", "--prefix")).toBe("[pod/never/other] logged\n");
  expect(await logs("never", "-c", "other", "--limit-bytes=3")).toBe("log");
  expect(await logs("never", "-c", "other", "--timestamps")).toMatch(/^\d{4}-\d\d-\d\dT\S+Z logged\n$/);
  expect(await logs("never", "-c", "other", "--since=1h")).toBe("logged\n");
  expect(await logs("never", "-c", "other", "--since-time=2100-01-01T00:00:00Z")).toBe("");
});

test("twenty connections at once through one port-forward", async () => {
  await sh("gated", "mkdir -p /tmp/w && echo web > /tmp/w/index.html && httpd -p 8080 -h /tmp/w");
  await using forward = kubectlBackground("port-forward", "-n", ns, "pod/gated", ":8080");
  const port = await eventually("it listens", async () => /127\.0\.0\.1:(\d+)/.exec(forward.output())?.[1]);
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => (await fetch(`http://127.0.0.1:${port}/`)).text()),
  );
  expect(answers).toEqual(Array.from({ length: 20 }, () => "web\n"));
  expect(await kubectl("get", "--raw", `/api/v1/namespaces/${ns}/pods/gated:8080/proxy/`)).toBe("web\n");
});
