import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { docker, eventually, kubectl, tryKubectl } from "./support/run.ts";

const ns = useNamespace("resize");
const { apply, pod, ready, events } = podsIn(ns);
const idle = "trap 'exit 0' TERM; while :; do sleep 1; done";

beforeAll(async () => {
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: p }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: ${busybox}
      command: [sh, -c, "x=$(head -c 20000000 /dev/zero | tr '\\\\0' x); ${idle}"]
      resources: { requests: { cpu: 50m, memory: 32Mi }, limits: { cpu: 300m, memory: 100Mi } }
    - name: restarts
      image: ${busybox}
      command: [sh, -c, "${idle}"]
      resizePolicy: [{ resourceName: memory, restartPolicy: RestartContainer }]
      resources: { requests: { cpu: 50m, memory: 16Mi }, limits: { cpu: 100m, memory: 32Mi } }
`);
  await ready("p");
});

interface Size {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}
const resize = (resources: Size, name = "main"): ReturnType<typeof tryKubectl> =>
  tryKubectl(
    "patch",
    "pod",
    "p",
    "-n",
    ns,
    "--subresource=resize",
    "-p",
    JSON.stringify({ spec: { containers: [{ name, resources }] } }),
  );
const container = (p: Pod, name = "main") => p.status?.containerStatuses?.find((s) => s.name === name);
const condition = (p: Pod) => p.status?.conditions?.find((c) => c.type.startsWith("PodResize"));
const cgroup = async (p: Pod, name = "main"): Promise<string> => {
  const id = container(p, name)?.containerID?.replace("docker://", "") ?? "";
  return (
    await docker(
      "inspect",
      "-f",
      "{{.HostConfig.CpuShares}} {{.HostConfig.CpuQuota}} {{.HostConfig.Memory}}",
      id,
    )
  ).trim();
};
/** The pod once the kubelet has judged its newest spec. */
const judged = (what: string, test: (p: Pod) => boolean): Promise<Pod> =>
  eventually(what, async () => {
    const now = await pod("p");
    return now.status?.observedGeneration === now.metadata.generation && test(now) ? now : undefined;
  });

test("a running container gets more, or less, without a restart", async () => {
  await resize({ requests: { cpu: "70m" }, limits: { cpu: "200m", memory: "90Mi" } });
  const done = await judged("it is done", (p) => container(p)?.resources?.limits?.["memory"] === "90Mi");
  expect(container(done)).toMatchObject({
    restartCount: 0,
    allocatedResources: { cpu: "70m", memory: "32Mi" },
  });
  expect(condition(done)).toBeUndefined();
  expect(await cgroup(done)).toBe(`71 20000 ${90 * 1024 * 1024}`);
  await eventually("an event tells", async () =>
    (await events("p")).includes("ResizeCompleted: Pod resize completed: {"),
  );
});

test("what its policy says needs a restart gets one", async () => {
  await resize({ limits: { memory: "48Mi" } }, "restarts");
  const done = await judged("it runs again", (p) => {
    const { restartCount, state } = container(p, "restarts") ?? {};
    return restartCount === 1 && state?.running !== undefined;
  });
  expect(container(done, "restarts")?.resources?.limits).toEqual({ cpu: "100m", memory: "48Mi" });
  expect(container(done)?.restartCount).toBe(0);
  expect(await cgroup(done, "restarts")).toBe(`51 10000 ${48 * 1024 * 1024}`);
});

test("what the node never or not now has is refused, and nothing changes", async () => {
  const before = await pod("p");
  await resize({ requests: { cpu: "5000" }, limits: { cpu: "6000" } });
  const never = await judged("it is judged", (p) => condition(p)?.reason === "Infeasible");
  expect(condition(never)).toMatchObject({
    type: "PodResizePending",
    status: "True",
    observedGeneration: never.metadata.generation,
    message: expect.stringMatching(
      /^Node didn't have enough capacity: cpu, requested: 5000050, capacity: \d+$/,
    ) as string,
  });
  const free = (
    await kubectl("get", "node", String(before.spec?.nodeName), "-o", "jsonpath={.status.allocatable.cpu}")
  ).trim();
  const milli = free.endsWith("m") ? Number(free.slice(0, -1)) : Number(free) * 1000;
  await resize({ requests: { cpu: `${milli - 51}m` } });
  const later = await judged("it is judged anew", (p) => condition(p)?.reason !== "Infeasible");
  // Whether another pod of that node holds cpu is not this test's to say.
  if (condition(later)) {
    expect(condition(later)).toMatchObject({ type: "PodResizePending", reason: "Deferred" });
    expect(container(later)?.resources).toEqual(container(before)?.resources);
    expect(await cgroup(later)).toBe(await cgroup(before));
  }
  await resize({ requests: { cpu: "70m" }, limits: { cpu: "200m" } });
  await judged("it is as before", (p) => condition(p) === undefined);
});

test("memory in use is not taken away", async () => {
  await resize({ requests: { memory: "8Mi" }, limits: { memory: "8Mi" } });
  const kept = await judged("it failed", (p) => condition(p)?.reason === "Error");
  expect(condition(kept)).toMatchObject({
    type: "PodResizeInProgress",
    message: expect.stringMatching(
      /^attempting to set container "main" memory limit \(8388608\) below current usage \(\d+\)$/,
    ) as string,
  });
  expect(container(kept)).toMatchObject({ restartCount: 0, resources: { limits: { memory: "90Mi" } } });
});

test("a resize must not change the quality of service, nor take a limit away", async () => {
  const qos = await resize({
    requests: { cpu: "200m", memory: "90Mi" },
    limits: { cpu: "200m", memory: "90Mi" },
  });
  expect(qos.code).toBe(0);
  const other = await resize({ requests: { cpu: "100m", memory: "48Mi" } }, "restarts");
  expect(other.stderr).toContain("Pod QOS Class may not change as a result of resizing");
  const ops = JSON.stringify([{ op: "remove", path: "/spec/containers/0/resources/limits/memory" }]);
  const removed = await tryKubectl(
    "patch",
    "pod",
    "p",
    "-n",
    ns,
    "--subresource=resize",
    "--type=json",
    "-p",
    ops,
  );
  expect(removed.stderr).toContain("resource limits cannot be removed");
});
