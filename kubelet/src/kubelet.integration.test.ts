import { readFile } from "node:fs/promises";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { configMaps, secrets } from "@coracle/shared/api/resources.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LABEL } from "./container/names.ts";
import { createDockerRuntime } from "./runtime/docker.ts";
import { createHarness, NAMESPACE, type Harness } from "./testing/harness.ts";

const BUSYBOX = "busybox:1.36";
const runtime = createDockerRuntime();
let node: Harness;

beforeAll(async () => {
  node = await createHarness({ runtime });
});
afterAll(() => node.stop());

const ready = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;
const gone = (pod: Pod | undefined): boolean => pod === undefined;
const phase =
  (wanted: string) =>
  (pod: Pod | undefined): boolean =>
    pod?.status?.phase === wanted;
const sleeper = (script = "trap exit TERM; while :; do sleep 0.1; done") => ({
  name: "main",
  image: BUSYBOX,
  command: ["sh", "-c", script],
});
const left = async (pod: Pod) => ({
  containers: await runtime.list({ [LABEL.podUid]: pod.metadata.uid ?? "" }),
  volumes: await runtime.listVolumes({ [LABEL.podUid]: pod.metadata.uid ?? "" }),
});
async function logs(pod: Pod): Promise<string> {
  const id = pod.status?.containerStatuses?.[0]?.containerID?.replace("docker://", "") ?? "";
  let text = "";
  const query = { follow: false, timestamps: false };
  for await (const { data } of await runtime.logs(id, query, new AbortController().signal))
    text += data.toString();
  return text;
}

test("a pod runs, becomes ready, and leaves nothing when it is deleted", async () => {
  // Deleted so soon that its shell may not listen to signals yet.
  const pod = node.run("plain", { terminationGracePeriodSeconds: 5, containers: [sleeper()] });
  const running = await node.client.until(NAMESPACE, "plain", ready);
  expect(running.status).toMatchObject({
    phase: "Running",
    podIP: expect.stringMatching(/^10\.244\.9\./) as string,
    hostIP: "172.30.0.9",
    qosClass: "BestEffort",
    containerStatuses: [{ name: "main", ready: true, started: true, restartCount: 0, image: BUSYBOX }],
  });
  expect((await left(pod)).containers).toHaveLength(2);
  node.deletePod("plain");
  await node.client.until(NAMESPACE, "plain", gone);
  expect(await left(pod)).toEqual({ containers: [], volumes: [] });
  expect(node.events.filter((e) => e.pod === "plain").map((e) => e.reason)).toEqual([
    "Pulled",
    "Created",
    "Started",
    "Killing",
  ]);
});

test("environment, arguments and files come from ConfigMaps, Secrets and the pod", async () => {
  node.client.put(configMaps, {
    metadata: { name: "settings", namespace: NAMESPACE },
    data: { colour: "blue", size: "9" },
  });
  node.client.put(secrets, {
    metadata: { name: "keys", namespace: NAMESPACE },
    data: { password: Buffer.from("s3cr3t").toString("base64") },
  });
  node.run("env", {
    restartPolicy: "Never",
    containers: [
      {
        name: "main",
        image: BUSYBOX,
        command: ["sh", "-c"],
        args: [
          "echo $(GREETING) $P_size $PASSWORD $POD $IP; cat /s/colour /k/password; grep ' /k ' /proc/mounts",
        ],
        env: [
          { name: "WHO", value: "world" },
          { name: "GREETING", value: "hello-$(WHO)" },
          { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "keys", key: "password" } } },
          { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        ],
        envFrom: [{ prefix: "P_", configMapRef: { name: "settings" } }],
        volumeMounts: [
          { name: "s", mountPath: "/s" },
          { name: "k", mountPath: "/k" },
        ],
      },
    ],
    volumes: [
      { name: "s", configMap: { name: "settings" } },
      { name: "k", secret: { secretName: "keys" } },
    ],
  });
  const done = await node.client.until(NAMESPACE, "env", phase("Succeeded"));
  expect(await logs(done)).toMatch(/^hello-world 9 s3cr3t env 10\.244\.9\.\d+\nblues3cr3ttmpfs \/k tmpfs ro/);
  node.deletePod("env");
  await node.client.until(NAMESPACE, "env", gone);
});

test("a container that fails is restarted, backed off, and its last words are kept", async () => {
  node.run("crash", { containers: [sleeper("echo bye > /dev/termination-log; exit 3")] });
  const backedOff = await node.client.until(
    NAMESPACE,
    "crash",
    (pod) => pod?.status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff",
  );
  expect(backedOff.status?.phase).toBe("Running");
  expect(backedOff.status?.containerStatuses?.[0]).toMatchObject({
    restartCount: 1,
    ready: false,
    lastState: { terminated: { exitCode: 3, reason: "Error", message: "bye\n" } },
    state: {
      waiting: {
        message: expect.stringContaining("back-off 10s restarting failed container=main") as string,
      },
    },
  });
  node.deletePod("crash");
  await node.client.until(NAMESPACE, "crash", gone);
});

test("a missing image is said so", async () => {
  node.run("missing", { containers: [{ name: "main", image: "coracle.invalid/missing:1" }] });
  const seen = new Set<string>();
  await node.client.until(NAMESPACE, "missing", (pod) => {
    seen.add(pod?.status?.containerStatuses?.[0]?.state?.waiting?.reason ?? "");
    return seen.has("ImagePullBackOff");
  });
  expect(seen).toContain("ErrImagePull");
  node.deletePod("missing");
  await node.client.until(NAMESPACE, "missing", gone);
});

test("init containers run in order, sidecars beside the rest, and end last", async () => {
  const echo = (name: string, script: string) => ({
    name,
    image: BUSYBOX,
    command: ["sh", "-c", script],
    volumeMounts: [{ name: "d", mountPath: "/d" }],
  });
  node.run("ordered", {
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 5,
    initContainers: [
      echo("one", "echo one >> /d/log"),
      {
        ...echo("side", "echo side >> /d/log; trap 'exit 0' TERM; while :; do sleep 0.1; done"),
        restartPolicy: "Always",
        startupProbe: { exec: { command: ["grep", "side", "/d/log"] }, periodSeconds: 1 },
      },
      echo("two", "echo two >> /d/log"),
    ],
    containers: [echo("main", "echo main >> /d/log; cat /d/log")],
    volumes: [{ name: "d", emptyDir: {} }],
  });
  const done = await node.client.until(NAMESPACE, "ordered", phase("Succeeded"));
  expect(await logs(done)).toBe("one\nside\ntwo\nmain\n");
  expect(done.status?.initContainerStatuses?.[1]?.state?.terminated).toBeDefined();
  node.deletePod("ordered");
  await node.client.until(NAMESPACE, "ordered", gone);
});

test("readiness follows its probe, liveness restarts", async () => {
  node.run("probed", {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        ...sleeper("touch /tmp/alive; while :; do sleep 0.1; done"),
        readinessProbe: { exec: { command: ["test", "-f", "/tmp/ready"] }, periodSeconds: 1 },
        livenessProbe: {
          exec: { command: ["test", "-f", "/tmp/alive"] },
          periodSeconds: 1,
          failureThreshold: 1,
        },
      },
    ],
  });
  const running = await node.client.until(NAMESPACE, "probed", phase("Running"));
  expect(ready(running)).toBe(false);
  const id = running.status?.containerStatuses?.[0]?.containerID?.replace("docker://", "") ?? "";
  const exec = async (...command: string[]): Promise<void> => {
    const session = await runtime.exec(
      id,
      { command, stdin: false, tty: false },
      new AbortController().signal,
    );
    for await (const part of session.output()) void part;
  };
  await exec("touch", "/tmp/ready");
  await node.client.until(NAMESPACE, "probed", ready);
  await exec("rm", "/tmp/alive");
  await node.client.until(
    NAMESPACE,
    "probed",
    (pod) => pod?.status?.containerStatuses?.[0]?.restartCount === 1,
  );
  node.deletePod("probed", 0);
  await node.client.until(NAMESPACE, "probed", gone);
});

test("a new kubelet adopts what runs and removes what should not", async () => {
  const kept = node.run("kept", { containers: [sleeper()] });
  const lost = node.run("lost", {
    containers: [{ ...sleeper(), volumeMounts: [{ name: "d", mountPath: "/d" }] }],
    volumes: [{ name: "d", emptyDir: {} }],
  });
  const before = await node.client.until(NAMESPACE, "kept", ready);
  await node.client.until(NAMESPACE, "lost", ready);
  await node.client.delete(
    { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true },
    { namespace: NAMESPACE, name: "lost" },
  );
  await node.restart();
  const deadline = Date.now() + 20_000;
  while ((await left(lost)).containers.length > 0 && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await left(lost)).toEqual({ containers: [], volumes: [] });
  const after = node.client.pod(NAMESPACE, "kept");
  expect(after?.status?.containerStatuses?.[0]).toEqual(before.status?.containerStatuses?.[0]);
  expect((await left(kept)).containers).toHaveLength(2);
  node.deletePod("kept");
  await node.client.until(NAMESPACE, "kept", gone);
  expect(await left(kept)).toEqual({ containers: [], volumes: [] });
});

test("a changed ConfigMap reaches its volume at once and whole", async () => {
  const put = (value: string): void =>
    node.client.put(configMaps, {
      metadata: { name: "live", namespace: NAMESPACE },
      data: { a: value, b: value },
    });
  put("1");
  node.run("follower", {
    terminationGracePeriodSeconds: 0,
    containers: [{ ...sleeper(), volumeMounts: [{ name: "v", mountPath: "/v" }] }],
    volumes: [{ name: "v", configMap: { name: "live" } }],
  });
  const pod = await node.client.until(NAMESPACE, "follower", ready);
  const id = pod.status?.containerStatuses?.[0]?.containerID?.replace("docker://", "") ?? "";
  const container = await runtime.inspect(id);
  const read = (): Promise<string> => readFile(`/proc/${container?.pid}/root/v/a`, "utf8");
  expect(await read()).toBe("1");
  put("2");
  node.kubelet().ctx.references.changed("configmaps", NAMESPACE, "live");
  await expect.poll(read, { timeout: 5_000 }).toBe("2");
  node.deletePod("follower", 0);
  await node.client.until(NAMESPACE, "follower", gone);
});
