import type { ContainerStatus, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { createInterface } from "node:readline";
import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { docker, eventually, getJson, kubectl, must, root } from "./support/run.ts";

const ns = useNamespace("kubelet-crash");
const { apply, pod, sh } = podsIn(ns);
const project = process.env["CORACLE_CLUSTER"] ?? "coracle";
const NODES = [1, 2, 3];
const kubelet = (node: number): string => `${project}-kubelet-${node}`;
const idle = "trap 'exit 0' TERM; while :; do sleep 0.2; done";
const IN_NS = [
  "--filter",
  `label=io.coracle.cluster=${project}`,
  "--filter",
  `label=io.kubernetes.pod.namespace=${ns}`,
];

/** What the engine tells of the making of such a pod: its sandbox, an init container, two containers, each made and started. */
const STEPS_OF_START = 9;
/** Three containers and a sandbox end, and all five are removed. */
const STEPS_OF_END = 7;

const manifest = (name: string, node: number): string => `---
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  nodeName: node-${node}
  terminationGracePeriodSeconds: 3
  volumes: [{ name: disk, emptyDir: {} }, { name: memory, emptyDir: { medium: Memory } }]
  initContainers:
    - { name: first, image: ${busybox}, command: [sh, -c, "echo once >> /disk/log"], volumeMounts: [{ name: disk, mountPath: /disk }] }
  containers:
    - { name: main, image: ${busybox}, command: [sh, -c, "${idle}"],
        volumeMounts: [{ name: disk, mountPath: /disk }, { name: memory, mountPath: /memory }] }
    - { name: other, image: ${busybox}, command: [sh, -c, "${idle}"], lifecycle: { preStop: { sleep: { seconds: 1 } } } }
`;

const MANY_CRASHES_MS = 300_000;

/** Straight to the engine: a program of its own would come too late for the step that is meant. */
function kill(container: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const path = `/containers/${container}/kill?signal=SIGKILL`;
    const call = request({ socketPath: "/var/run/docker.sock", path, method: "POST" }, (answer) => {
      answer.resume();
      if (answer.statusCode === 204) resolve();
      else reject(new Error(`${container} was not killed: ${answer.statusCode}`));
    });
    call.on("error", reject);
    call.end();
  });
}

/** Does what `begin` says and kills the node's kubelet when the engine has told `steps` things of the pod; brings it back then. */
async function crashAt(
  steps: number,
  node: number,
  name: string,
  begin: () => Promise<unknown>,
): Promise<void> {
  const filters = ["create", "start", "die", "destroy"].flatMap((event) => ["--filter", `event=${event}`]);
  const events = spawn(
    "docker",
    ["events", ...IN_NS, "--filter", `label=io.kubernetes.pod.name=${name}`, ...filters],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const reached = new Promise<void>((resolve) => {
    let left = steps;
    if (left === 0) resolve();
    createInterface(events.stdout).on("line", () => (left -= 1) === 0 && resolve());
  });
  await begin();
  await Promise.race([reached, new Promise((resolve) => setTimeout(resolve, 20_000).unref())]);
  await kill(kubelet(node));
  events.kill();
  if (events.exitCode === null && events.signalCode === null) await once(events, "exit");
  // What compose's restart policy does after a crash; an engine does not restart what was killed through it.
  await docker("start", kubelet(node));
}

const lines = (text: string): string[] => text.split("\n").filter(Boolean);
const isReady = (p: Pod): boolean =>
  p.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;
const podsOf = async (...args: string[]): Promise<Pod[]> =>
  (await getJson<{ items: Pod[] }>("pods", ...args)).items;
const containersOf = (p: Pod): (readonly [string, string | undefined, number])[] =>
  (p.status?.containerStatuses ?? []).map(
    (s: ContainerStatus) => [s.name, s.containerID, s.restartCount] as const,
  );
const cablesOf = async (node: number): Promise<string[]> =>
  lines(await docker("exec", kubelet(node), "ls", "/sys/class/net")).filter((name) =>
    /^veth[0-9a-f]{11}$/.test(name),
  );
/** The pods whose containers no crash of a kubelet may touch, with these containers. */
const lasting = async (): Promise<unknown[]> =>
  [
    ...(await podsOf("-n", ns, "-l", "role=lasting")),
    ...(await podsOf("-n", "kube-system", "-l", "k8s-app=kube-dns")),
  ].map((p) => [p.metadata.name, containersOf(p)]);
/** What should be ready and is not; its text is the error's when it stays so. */
const notReady = async (): Promise<string[]> => [
  ...(await podsOf("-n", ns, "-l", "role=lasting"))
    .filter((p) => !isReady(p))
    .map((p) => JSON.stringify([p.metadata.name, p.status?.conditions, p.status?.containerStatuses])),
  ...lines(await kubectl("get", "nodes", "--no-headers")).filter((line) => line.includes("NotReady")),
];
const lastingReady = (): Promise<boolean> =>
  eventually("what lasts is ready", async () => {
    expect(await notReady()).toEqual([]);
    return true;
  });

let cables: string[][] = [];
let untouched: unknown[] = [];

beforeAll(async () => {
  await apply(
    NODES.map((node) =>
      manifest(`lasting-${node}`, node).replace("name: lasting", "labels: { role: lasting }, name: lasting"),
    ).join(""),
  );
  await lastingReady();
  untouched = await lasting();
  cables = await Promise.all(NODES.map(cablesOf));
});

test(
  "kill -9 of the kubelet at any step of a pod's start: the pod comes up, once",
  async () => {
    await Promise.all(
      NODES.map(async (node) => {
        for (let step = node; step <= STEPS_OF_START; step += NODES.length)
          await crashAt(step, node, `p-${step}`, () => apply(manifest(`p-${step}`, node)));
      }),
    );
    const names = Array.from({ length: STEPS_OF_START }, (_, i) => `p-${i + 1}`);
    for (const name of names) {
      const up = await eventually(`${name} is ready`, async () => {
        const now = await pod(name);
        return isReady(now) ? now : undefined;
      });
      expect(containersOf(up).map(([container, , restarts]) => [container, restarts])).toEqual([
        ["main", 0],
        ["other", 0],
      ]);
      // Its kubelet may be on its way back from the crash of a later pod.
      const log = await eventually(`${name} answers`, () => sh(name, "cat /disk/log"));
      expect(log).toBe("once\n");
      const running = await docker("ps", "-q", "--filter", `label=io.kubernetes.pod.uid=${up.metadata.uid}`);
      expect(lines(running), name).toHaveLength(3);
    }
    const addresses = (await podsOf("-n", ns)).map((p) => p.status?.podIP);
    expect(new Set(addresses).size).toBe(addresses.length);
  },
  MANY_CRASHES_MS,
);

test(
  "kill -9 at any step of its end: the pod goes, and nothing of it is left",
  async () => {
    const uids = (await podsOf("-n", ns, "-l", "role!=lasting")).map((p) => p.metadata.uid ?? "");
    await Promise.all(
      NODES.map(async (node) => {
        for (let step = node; step <= STEPS_OF_START; step += NODES.length)
          await crashAt(Math.min(step - 1, STEPS_OF_END), node, `p-${step}`, () =>
            kubectl("delete", "pod", `p-${step}`, "-n", ns, "--wait=false"),
          );
      }),
    );
    await eventually(
      "they are gone",
      async () => (await podsOf("-n", ns, "-l", "role!=lasting")).length === 0,
    );
    const left = async (...args: string[]): Promise<string[]> => lines(await docker(...args));
    for (const uid of uids) {
      expect(await left("ps", "-aq", "--filter", `label=io.kubernetes.pod.uid=${uid}`)).toEqual([]);
      expect(await left("volume", "ls", "-q", "--filter", `label=io.kubernetes.pod.uid=${uid}`)).toEqual([]);
    }
    await lastingReady();
    for (const [i, node] of NODES.entries()) {
      const before = new Set(cables[i]);
      await expect.poll(async () => (await cablesOf(node)).filter((name) => !before.has(name))).toEqual([]);
      const directories = lines(
        await docker("exec", kubelet(node), "ls", `/var/lib/coracle/node-${node}/pods`),
      );
      expect(directories.filter((uid) => uids.includes(uid))).toEqual([]);
    }
  },
  MANY_CRASHES_MS,
);

test("what ran all the while was adopted each time: the same containers, on the network", async () => {
  expect(await lasting()).toEqual(untouched);
  const [first, last] = await Promise.all([pod("lasting-1"), pod("lasting-3")]);
  await sh("lasting-1", "httpd -p 8080 -h /disk");
  await eventually(
    "pods of two nodes meet",
    async () => (await sh("lasting-3", `wget -qO- -T 2 http://${first.status?.podIP}:8080/log`)) === "once\n",
  );
  expect(last.status?.hostIP).not.toBe(first.status?.hostIP);
});

test("new containers of the kubelets are the same nodes, and adopt the same pods", async () => {
  const label = "com.docker.compose.project.config_files";
  const files = (await docker("inspect", "-f", `{{index .Config.Labels "${label}"}}`, kubelet(1)))
    .trim()
    .split(",");
  const before = (await docker("inspect", "-f", "{{.Id}}", kubelet(1))).trim();
  const compose = [
    "compose",
    "-p",
    project,
    "--project-directory",
    root,
    ...files.flatMap((file) => ["-f", file]),
  ];
  await must("docker", [...compose, "up", "-d", "--no-deps", "--no-build", "--force-recreate", "kubelet"]);
  expect((await docker("inspect", "-f", "{{.Id}}", kubelet(1))).trim()).not.toBe(before);
  await lastingReady();
  expect(await lasting()).toEqual(untouched);
  await eventually("the network of the pods is back", async () => {
    const { status } = await pod("lasting-1");
    return (await sh("lasting-3", `wget -qO- -T 2 http://${status?.podIP}:8080/log`)) === "once\n";
  });
  // Pods in the node's own network cannot be adopted: that network went with the container.
  await eventually("the proxies are ready", async () =>
    (await podsOf("-n", "kube-system", "-l", "k8s-app=kube-proxy")).every(isReady),
  );
  expect(
    [...(await podsOf("-n", ns)), ...(await podsOf("-n", "kube-system"))]
      .filter((p) => p.status?.phase === "Failed")
      .map((p) => p.metadata.name),
  ).toEqual([]);
});
