import type { Lease } from "@coracle/shared/api/generated/coordination-v1.ts";
import type { Event, Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Summary } from "@coracle/shared/api/summary.ts";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { docker, eventually, getJson, kubectl, must } from "./support/run.ts";

const ns = useNamespace("node");
const { apply, pod, ready, phase, sh, logs } = podsIn(ns);
const cluster = process.env["CORACLE_CLUSTER"] ?? "coracle";
const name = "node-2";
const kubelet = `${cluster}-kubelet-2`;
const node = (): Promise<Node> => getJson<Node>("node", name);
const raw = (path: string): Promise<string> => kubectl("get", "--raw", path);
const patchStatus = (kind: string, object: string, type: string, patch: object): Promise<string> =>
  kubectl(
    "patch",
    kind,
    object,
    "-n",
    ns,
    "--subresource=status",
    `--type=${type}`,
    "-p",
    JSON.stringify(patch),
  );
const head = (podName: string, spec = ""): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${podName} }\nspec:\n  nodeName: ${name}\n  terminationGracePeriodSeconds: 0\n  ${spec}\n`;

beforeAll(async () => {
  await apply(`${head("steady")}
  containers:
    - name: main
      image: ${busybox}
      command: [sh, -c, "echo began; trap 'exit 0' TERM; while :; do sleep 1; done"]
      ports: [{ containerPort: 80, hostPort: 31234 }]
${head("host", "hostNetwork: true")}
  containers: [{ name: main, image: ${busybox}, command: [sleep, "3600"] }]
`);
  await ready("steady", "host");
}, 120_000);

test("a node says what it is, how it is and what it has", async () => {
  const { metadata, status } = await node();
  expect(metadata.labels).toMatchObject({ "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" });
  expect(status?.addresses?.map((a) => a.type)).toEqual(["InternalIP", "Hostname"]);
  expect(status?.conditions?.map((c) => `${c.type} ${c.status} ${c.reason}: ${c.message}`)).toEqual([
    "MemoryPressure False KubeletHasSufficientMemory: kubelet has sufficient memory available",
    "DiskPressure False KubeletHasNoDiskPressure: kubelet has no disk pressure",
    "PIDPressure False KubeletHasSufficientPID: kubelet has sufficient PID available",
    "Ready True KubeletReady: kubelet is posting ready status",
  ]);
  expect(status?.runtimeHandlers?.map((handler) => handler.name)).toContain("");
  expect(status?.declaredFeatures).toContain("RestartAllContainersOnContainerExits");
  const sizes = (status?.images ?? []).map((image) => image.sizeBytes ?? 0);
  expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
  const ids = (await getJson<{ items: Node[] }>("nodes")).items.map((n) => n.status?.nodeInfo?.machineID);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  const lease = await getJson<Lease>("lease", name, "-n", "kube-node-lease");
  expect(lease.spec).toMatchObject({ holderIdentity: name, leaseDurationSeconds: 40 });
  const { items } = await getJson<{ items: Event[] }>(
    "events",
    "-n",
    "default",
    "--field-selector",
    `involvedObject.kind=Node,involvedObject.name=${name}`,
  );
  expect(items.map((event) => event.reason)).toContain("NodeReady");
});

test("its figures and settings are to be had through the API", async () => {
  const proxy = `/api/v1/nodes/${name}/proxy`;
  const summary = JSON.parse(await raw(`${proxy}/stats/summary`)) as Summary;
  const ours = summary.pods.find(({ podRef }) => podRef.namespace === ns && podRef.name === "steady");
  expect(ours?.containers[0]?.memory?.workingSetBytes).toBeGreaterThan(0);
  expect(await raw(`${proxy}/metrics/resource`)).toContain(`namespace="${ns}",pod="steady"`);
  expect(await raw(`${proxy}/metrics`)).toContain("kubelet_running_pods");
  expect(await raw(`${proxy}/metrics`)).toMatch(
    /^kubelet_started_containers_total\{container_type="container"\} [1-9]/m,
  );
  expect(JSON.parse(await raw(`${proxy}/configz`))).toMatchObject({ kubeletconfig: { maxPods: 110 } });
  expect(await kubectl("top", "node", name)).toContain(name);
  expect(await kubectl("top", "pod", "-n", ns, "--containers")).toMatch(/^steady +main +\d+m +\d+Mi/m);
});

test("its own port answers who may read its figures, and nobody else", async () => {
  const monitor = `monitor-${ns}`;
  await kubectl("create", "serviceaccount", "monitor", "-n", ns);
  await kubectl("create", "clusterrole", monitor, "--verb=get", "--resource=nodes/metrics");
  onTestFinished(
    async () => void (await kubectl("delete", `clusterrole/${monitor}`, `clusterrolebinding/${monitor}`)),
  );
  const binding = ["create", "clusterrolebinding", monitor, `--clusterrole=${monitor}`];
  await kubectl(...binding, `--serviceaccount=${ns}:monitor`);
  const token = (await kubectl("create", "token", "monitor", "-n", ns)).trim();
  const address = '{.status.addresses[?(@.type=="InternalIP")].address}';
  const host = await kubectl("get", "node", name, "-o", `jsonpath=${address}`);
  const ask = (path: string, ...more: string[]): Promise<string> => {
    const wget = ["wget", "-qO-", "--no-check-certificate", ...more, `https://${host}:10250${path}`];
    return kubectl("exec", "-n", ns, "steady", "--", ...wget);
  };
  const credential = `--header=Authorization: Bearer ${token}`;
  expect(await ask("/metrics/resource", credential)).toContain(`namespace="${ns}",pod="steady"`);
  expect(await ask("/metrics", credential)).toContain("kubelet_running_pods");
  await expect(ask("/metrics")).rejects.toThrow("401");
  await expect(ask("/pods", credential)).rejects.toThrow("403");
});

test("a log collector finds the logs of the node's containers where it looks for them", async () => {
  await apply(`${head("collector")}
  containers: [{ name: main, image: ${busybox}, command: [sleep, "3600"], volumeMounts: [{ name: logs, mountPath: /var/log, readOnly: true }] }]
  volumes: [{ name: logs, hostPath: { path: /var/log, type: Directory } }]
`);
  await ready("collector");
  const { metadata, status } = await pod("steady");
  const id = status?.containerStatuses?.[0]?.containerID?.split("//")[1];
  const collect = (path: string): Promise<string> =>
    kubectl("exec", "-n", ns, "collector", "--", "cat", `/var/log/${path}`);
  const line = { log: "began\n", stream: "stdout" };
  for (const path of [
    `pods/${ns}_steady_${metadata.uid}/main/0.log`,
    `containers/steady_${ns}_main-${id}.log`,
  ])
    expect(JSON.parse((await collect(path)).split("\n")[0] ?? "")).toMatchObject(line);
  const others = await kubectl("exec", "-n", ns, "collector", "--", "ls", "/var/log/pods");
  for (const there of others.trim().split("\n"))
    expect(there).toMatch(/^[a-z0-9-]+_[a-z0-9.-]+_[0-9a-f-]{32,36}$/);
});

test("what others advertise on it can be requested, and is gone when they take it back", async () => {
  const at = "/status/capacity/example.com~1dongle";
  await patchStatus("node", name, "json", [{ op: "add", path: at, value: "2" }]);
  const dongles = async () => (await node()).status?.allocatable?.["example.com/dongle"];
  await expect.poll(dongles, { timeout: 30_000 }).toBe("2");
  await patchStatus("node", name, "json", [{ op: "remove", path: at }]);
  await expect.poll(dongles, { timeout: 30_000 }).toBeUndefined();
});

test("a kubelet that was taken for lost shows its node and its pods as ready again", async () => {
  const lost = {
    type: "Ready",
    status: "Unknown",
    reason: "NodeStatusUnknown",
    message: "Kubelet stopped posting node status.",
  };
  await patchStatus("node", name, "strategic", { status: { conditions: [lost] } });
  await patchStatus("pod", "steady", "strategic", {
    status: { conditions: [{ type: "Ready", status: "False", reason: "NodeLost" }] },
  });
  const readiness = async (): Promise<unknown> => {
    const now = [await node(), await pod("steady")] as const;
    return now
      .map(({ status }) => status?.conditions?.find((c) => c.type === "Ready"))
      .map((c) => [c?.status, c?.reason]);
  };
  await expect.poll(readiness, { timeout: 60_000 }).toEqual([
    ["True", "KubeletReady"],
    ["True", undefined],
  ]);
});

test("a pod bound to it that it has no place for fails, and says why", async () => {
  const idle = `image: ${busybox}, command: [sleep, "3600"]`;
  await apply(`${head("big")}
  containers: [{ name: main, ${idle}, resources: { requests: { cpu: "4000" } } }]
${head("taken")}
  containers: [{ name: main, ${idle}, ports: [{ containerPort: 80, hostPort: 31234 }] }]
`);
  const big = (await phase("big", "Failed")).status;
  expect(big).toMatchObject({
    reason: "OutOfcpu",
    message: expect.stringMatching(
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 4000000, used: \d+, capacity: \d+$/,
    ) as string,
  });
  expect(big?.containerStatuses).toBeUndefined();
  expect((await phase("taken", "Failed")).status?.message).toBe(
    "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  );
  expect(await kubectl("get", "pod", "big", "-n", ns)).toContain("OutOfcpu");
});

test("a restarted kubelet, even a re-created one, finds its pods as they were", async () => {
  const before = await pod("steady");
  const id = (p: Pod): unknown => p.status?.containerStatuses?.map((c) => [c.containerID, c.restartCount]);
  await docker("kill", "--signal", "KILL", kubelet);
  await docker("start", kubelet);
  // What was in the network of the container before is made again in that of the new one.
  await eventually("the pod in the node's network runs again", async () => {
    const [status] = (await pod("host")).status?.containerStatuses ?? [];
    return status?.restartCount === 1 && status.ready;
  });
  await ready("steady", "host");
  const after = await pod("steady");
  expect(id(after)).toEqual(id(before));
  expect(after.status?.podIP).toBe(before.status?.podIP);
  expect(await logs("steady")).toBe("began\n");
  // Its cable is a new one: the pod reaches the API.
  await eventually("the pod has its network", () =>
    sh("steady", "nc -w 2 $KUBERNETES_SERVICE_HOST 443 </dev/null && echo there"),
  );
}, 120_000);

test("a node that is deleted registers itself again, with the range its pods live in", async () => {
  const before = await node();
  await kubectl("delete", "node", name);
  const after = await eventually("the node is there again", async () => {
    const now = await node();
    return now.metadata.uid !== before.metadata.uid &&
      now.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True")
      ? now
      : undefined;
  });
  expect(after.spec?.podCIDR).toBe(before.spec?.podCIDR);
  expect((await pod("steady")).status?.phase).toBe("Running");
  expect(await must("docker", ["ps", "--quiet", "--filter", `name=k8s_main_steady_${ns}`])).not.toBe("");
});
