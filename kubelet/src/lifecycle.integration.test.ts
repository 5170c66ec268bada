import type { Container, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { pods as podResource, secrets } from "@coracle/shared/api/resources.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "./lifecycle/run-command.ts";
import { createDockerRuntime } from "./runtime/docker.ts";
import { createHarness, NAMESPACE, type Harness } from "./testing/harness.ts";

const IMAGE = "busybox:1.36";
const runtime = createDockerRuntime();
let node: Harness;

beforeAll(async () => {
  node = await createHarness({ runtime });
});
afterAll(() => node.stop());

const ready = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;
const main = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0];
const loop = "trap 'exit 0' TERM; while :; do sleep 0.1; done";
const container = (extra: Partial<Container> = {}, script = loop): Container => ({
  name: "main",
  image: IMAGE,
  command: ["sh", "-c", script],
  ...extra,
});
const idOf = (pod: Pod | undefined): string => main(pod)?.containerID?.replace("docker://", "") ?? "";
const sh = async (pod: Pod, script: string): Promise<string> =>
  (await runCommand(runtime, idOf(pod), ["sh", "-c", script], AbortSignal.timeout(10_000))).output;
const start = async (name: string, spec: NonNullable<Pod["spec"]>): Promise<Pod> => {
  node.run(name, { terminationGracePeriodSeconds: 1, ...spec });
  return node.client.until(NAMESPACE, name, ready);
};
const end = async (name: string, grace?: number): Promise<number> => {
  const began = Date.now();
  node.deletePod(name, grace);
  await node.client.until(NAMESPACE, name, (pod) => pod === undefined);
  return Date.now() - began;
};
const reasons = (name: string): string[] => node.events.filter((e) => e.pod === name).map((e) => e.reason);

test("cpu and memory of a running container change without a restart", async () => {
  const limits = { cpu: "200m", memory: "32Mi" };
  const pod = await start("sized", { containers: [container({ resources: { limits, requests: limits } })] });
  const id = idOf(pod);
  const larger = { cpu: "300m", memory: "48Mi" };
  const resized: Pod = {
    ...pod,
    metadata: { ...pod.metadata, generation: 2 },
    spec: { ...pod.spec, containers: [container({ resources: { limits: larger, requests: larger } })] },
  };
  node.client.put(podResource, resized);
  node.kubelet().pods.setPod(resized);
  const after = await node.client.until(
    NAMESPACE,
    "sized",
    (p) => main(p)?.resources?.limits?.["memory"] === "48Mi",
  );
  expect(main(after)).toMatchObject({
    restartCount: 0,
    containerID: `docker://${id}`,
    allocatedResources: larger,
  });
  const limit =
    "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max";
  expect((await sh(after, limit)).trim()).toBe(String(48 * 2 ** 20));
  await end("sized");
});

test("hooks run after the start and before the end, within the grace", async () => {
  const pod = await start("hooked", {
    containers: [
      container({
        lifecycle: {
          postStart: { exec: { command: ["touch", "/tmp/started"] } },
          preStop: { exec: { command: ["sh", "-c", "sleep 0.5; echo stopping > /dev/termination-log"] } },
        },
      }),
    ],
  });
  expect(await sh(pod, "ls /tmp")).toBe("started\n");
  const history = node.client.history.length;
  const took = await end("hooked", 10);
  expect(took).toBeGreaterThan(500);
  expect(took).toBeLessThan(5_000);
  const last = node.client.history.slice(history).at(-1)?.containerStatuses?.[0]?.state?.terminated;
  expect(last).toMatchObject({ exitCode: 0, message: "stopping\n" });
});

test("a preStop hook that hangs ends with the grace", async () => {
  await start("hangs", {
    containers: [container({ lifecycle: { preStop: { exec: { command: ["sleep", "100"] } } } })],
  });
  const took = await end("hangs", 1);
  expect(took).toBeLessThan(5_000);
  expect(reasons("hangs")).toContain("Killing");
});

test("a container that heeds no signal is killed when the grace is over, or at once with none", async () => {
  const stubborn = { containers: [container({}, "trap '' TERM; while :; do sleep 0.1; done")] };
  await start("stubborn", stubborn);
  const took = await end("stubborn", 1);
  expect(took).toBeGreaterThan(900);
  expect(took).toBeLessThan(4_000);
  await start("forced", stubborn);
  expect(await end("forced", 0)).toBeLessThan(2_000);
});

test("a second deletion shortens the first", async () => {
  await start("patient", { containers: [container({}, "trap '' TERM; while :; do sleep 0.1; done")] });
  const began = Date.now();
  node.deletePod("patient", 60);
  setTimeout(() => node.deletePod("patient", 0), 300);
  await node.client.until(NAMESPACE, "patient", (pod) => pod === undefined);
  expect(Date.now() - began).toBeLessThan(5_000);
});

test("a pod past its deadline fails", async () => {
  node.run("late", { activeDeadlineSeconds: 1, terminationGracePeriodSeconds: 1, containers: [container()] });
  const failed = await node.client.until(NAMESPACE, "late", (pod) => pod?.status?.phase === "Failed");
  expect(failed.status).toMatchObject({
    reason: "DeadlineExceeded",
    message: "Pod was active on the node longer than the specified deadline",
  });
  await end("late");
});

test("what must not run as root does not, and says why", async () => {
  node.run("root", { containers: [container({ securityContext: { runAsNonRoot: true } })] });
  const refused = await node.client.until(
    NAMESPACE,
    "root",
    (pod) => main(pod)?.state?.waiting?.reason === "CreateContainerConfigError",
  );
  expect(main(refused)?.state?.waiting?.message).toContain(
    "container has runAsNonRoot and image will run as root",
  );
  await end("root");
});

test("a command that does not exist is a start error, and backed off", async () => {
  node.run("nocommand", { containers: [{ name: "main", image: IMAGE, command: ["/no/such"] }] });
  const backedOff = await node.client.until(
    NAMESPACE,
    "nocommand",
    (pod) => main(pod)?.state?.waiting?.reason === "CrashLoopBackOff",
  );
  expect(main(backedOff)?.lastState?.terminated).toMatchObject({
    reason: "StartError",
    message: expect.stringContaining("no such file") as string,
  });
  await end("nocommand");
});

test("memory over the limit is OOMKilled", async () => {
  const resources = { limits: { memory: "16Mi" } };
  node.run("greedy", {
    restartPolicy: "Never",
    containers: [container({ resources }, "a=x; while :; do a=$a$a; done")],
  });
  const killed = await node.client.until(NAMESPACE, "greedy", (pod) => pod?.status?.phase === "Failed");
  expect(main(killed)?.state?.terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
  await end("greedy");
});

test("processes are shared where the pod says so, and a debug container joins another's", async () => {
  const pod = await start("shared", { shareProcessNamespace: true, containers: [container()] });
  expect(await sh(pod, "cat /proc/1/comm")).toBe("pause\n");
  await end("shared");
  const plain = await start("debugged", { containers: [container()] });
  const debugged: Pod = {
    ...plain,
    spec: {
      ...plain.spec,
      containers: plain.spec?.containers ?? [],
      ephemeralContainers: [
        { name: "debug", image: IMAGE, command: ["sh", "-c", loop], targetContainerName: "main" },
      ],
    },
  };
  node.client.put(podResource, debugged);
  node.kubelet().pods.setPod(debugged);
  const joined = await node.client.until(
    NAMESPACE,
    "debugged",
    (p) => p?.status?.ephemeralContainerStatuses?.[0]?.state?.running !== undefined,
  );
  const id = joined.status?.ephemeralContainerStatuses?.[0]?.containerID?.replace("docker://", "") ?? "";
  const { output } = await runCommand(runtime, id, ["cat", "/proc/1/cmdline"], AbortSignal.timeout(5_000));
  expect(output.replaceAll("\0", " ")).toContain(loop);
  expect(ready(joined)).toBe(true);
  await end("debugged");
});

test("a pod whose Secret is missing waits for it, and starts when it is there", async () => {
  node.run("waits", {
    terminationGracePeriodSeconds: 1,
    containers: [
      container({ env: [{ name: "A", valueFrom: { secretKeyRef: { name: "later", key: "a" } } }] }),
    ],
  });
  const waiting = await node.client.until(
    NAMESPACE,
    "waits",
    (pod) => main(pod)?.state?.waiting?.reason === "CreateContainerConfigError",
  );
  expect(main(waiting)?.state?.waiting?.message).toBe('secret "later" not found');
  node.client.put(secrets, { metadata: { name: "later", namespace: NAMESPACE }, data: { a: "eA==" } });
  const began = Date.now();
  node.kubelet().ctx.references.changed("secrets", NAMESPACE, "later");
  await node.client.until(NAMESPACE, "waits", ready);
  expect(Date.now() - began).toBeLessThan(5_000);
  await end("waits");
});
