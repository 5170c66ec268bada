import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { docker, eventually, kubectl } from "./support/run.ts";

const ns = useNamespace("isolation");
const { apply, pod, ready, phase, sh, events } = podsIn(ns);
const idle = `image: ${busybox}, command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1; done"]`;
const head = (name: string, spec = ""): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec:\n  terminationGracePeriodSeconds: 0\n  ${spec}\n`;

beforeAll(() =>
  apply(`---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: { name: ${ns} }
handler: no-such-handler
${head("sized")}
  containers: [{ name: main, ${idle}, resources: { limits: { cpu: 500m, memory: 64Mi } } }]
${head("burst")}
  containers: [{ name: main, ${idle}, resources: { requests: { cpu: 10m } } }]
${head("hungry", "restartPolicy: Never")}
  containers: [{ name: main, image: ${busybox}, command: [sh, -c, "tail /dev/zero"], resources: { limits: { memory: 24Mi } } }]
${head("user", "securityContext: { runAsUser: 1234, runAsGroup: 2345, supplementalGroups: [3456], seccompProfile: { type: RuntimeDefault } }")}
  containers:
    - { name: main, ${idle}, securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } } }
${head("rootless", "securityContext: { runAsNonRoot: true }")}
  containers: [{ name: main, ${idle} }]
${head("capable", "securityContext: { sysctls: [{ name: net.ipv4.ip_unprivileged_port_start, value: '7' }] }")}
  containers: [{ name: main, ${idle}, securityContext: { capabilities: { drop: [ALL], add: [NET_ADMIN] } } }]
${head("classy", `runtimeClassName: ${ns}`)}
  containers: [{ name: main, ${idle} }]
${head("together", "shareProcessNamespace: true")}
  containers: [{ name: main, ${idle} }, { name: other, image: ${busybox}, command: [sleep, "4242"] }]
${head("unsafe", "securityContext: { sysctls: [{ name: kernel.msgmax, value: '10000' }] }")}
  containers: [{ name: main, ${idle} }]
${head("strict", "securityContext: { runAsUser: 1000, supplementalGroups: [3456], supplementalGroupsPolicy: Strict }")}
  containers: [{ name: main, ${idle} }]
${head("remapped", "hostUsers: false")}
  containers: [{ name: main, ${idle} }]
${head("privileged")}
  containers: [{ name: main, ${idle}, securityContext: { privileged: true } }]
${head("whole", "resources: { limits: { cpu: 200m, memory: 24Mi } }")}
  restartPolicy: Never
  containers: [{ name: main, image: ${busybox}, command: [sh, -c, "tail /dev/zero"] }]
${head("shared", "resources: { limits: { memory: 50Mi } }")}
  restartPolicy: Never
  containers:
    - { name: main, image: ${busybox}, command: [sh, -c, "dd if=/dev/zero of=/dev/shm/x bs=1M count=30; touch /dev/shm/done; exec sleep 600"] }
    - { name: other, image: ${busybox}, command: [sh, -c, "until [ -f /dev/shm/done ]; do sleep 0.1; done; exec dd if=/dev/zero of=/dev/null bs=30M count=1"] }
${head("wide")}
  containers: [{ name: main, image: ${busybox}, command: [sh, -c, "dd if=/dev/zero of=/big bs=1M count=8; sleep 3600"], resources: { limits: { ephemeral-storage: 2Mi } } }]
${head("host", "hostNetwork: true")}
  hostPID: true
  hostIPC: true
  containers: [{ name: main, ${idle} }]
`),
);

test("limits are seen inside, and the QoS class follows from them", async () => {
  await ready("sized", "burst");
  expect((await pod("sized")).status?.qosClass).toBe("Guaranteed");
  expect((await pod("burst")).status?.qosClass).toBe("Burstable");
  const memory =
    "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
  expect(await sh("sized", memory)).toBe(`${64 * 1024 * 1024}\n`);
  // How low a score may be is the host's affair; that the guaranteed one goes last is not.
  const score = async (name: string): Promise<number> => Number(await sh(name, "cat /proc/1/oom_score_adj"));
  expect(await score("sized")).toBeLessThanOrEqual(0);
  expect(await score("burst")).toBe(999);
});

test("a container over its memory limit is OOMKilled", async () => {
  const ended = await phase("hungry", "Failed");
  expect(ended.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
    reason: "OOMKilled",
    exitCode: 137,
  });
});

test("users, groups, capabilities, seccomp and a read-only root are the manifest's", async () => {
  await ready("user", "capable");
  expect(await sh("user", "id -u; id -g; id -G")).toBe("1234\n2345\n2345 3456\n");
  const status = await sh("user", "cat /proc/self/status");
  expect(status).toMatch(/^CapBnd:\t0+$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  expect(status).toMatch(/^Seccomp:\t2$/m);
  await expect(sh("user", "touch /x")).rejects.toThrow("Read-only file system");
  expect(await sh("capable", "grep CapBnd /proc/1/status")).toBe("CapBnd:\t0000000000001000\n");
  expect(await sh("capable", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start")).toBe("7\n");
});

test("with the strict policy a process has the groups that the pod names, and the status tells whom it runs as", async () => {
  await ready("strict", "user");
  expect(await sh("strict", "id -u; id -g; id -G")).toBe("1000\n0\n0 3456\n");
  const userOf = async (name: string) => (await pod(name)).status?.containerStatuses?.[0]?.user;
  expect(await userOf("strict")).toEqual({ linux: { uid: 1000, gid: 0, supplementalGroups: [0, 3456] } });
  expect(await userOf("user")).toEqual({ linux: { uid: 1234, gid: 2345, supplementalGroups: [2345, 3456] } });
});

test("runAsNonRoot refuses an image that runs as root", async () => {
  const waiting = await eventually("it is refused", async () => {
    const state = (await pod("rootless")).status?.containerStatuses?.[0]?.state?.waiting;
    return state?.reason === "CreateContainerConfigError" ? state : undefined;
  });
  expect(waiting.message).toContain("runAsNonRoot");
});

test("processes are shared in the pod or with the node only where asked", async () => {
  await ready("together", "host");
  expect(await sh("together", "ps -o args")).toContain("sleep 4242");
  expect(await sh("user", "ps -o args")).not.toContain("sleep 4242");
  expect(await sh("host", "ps -o args")).toContain("sleep 4242");
  const { podIP, hostIP } = (await pod("host")).status ?? {};
  expect(podIP).toBe(hostIP);
});

test("a limit of the pod as a whole holds for a container without one", async () => {
  const { status } = await phase("whole", "Failed");
  expect(status?.qosClass).toBe("Guaranteed");
  expect(status?.containerStatuses?.[0]?.state?.terminated?.reason).toBe("OOMKilled");
});

test("a limit of the pod as a whole holds for its containers together", async (context) => {
  const driver = await docker("info", "--format", "{{.CgroupDriver}}");
  context.skip(driver.trim() !== "cgroupfs", "the engine makes its groups through systemd");
  const ended = await eventually("what does not fit beside the other is killed", async () => {
    const statuses = (await pod("shared")).status?.containerStatuses;
    return statuses?.find(({ name }) => name === "other")?.state?.terminated;
  });
  expect(ended.reason).toBe("OOMKilled");
});

test("a container that writes more than its limit of local storage has its pod evicted", async () => {
  const { status } = await phase("wide", "Failed");
  expect(status).toMatchObject({
    reason: "Evicted",
    message: "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
  });
});

test("a RuntimeClass whose handler the engine does not have keeps its pod from being made", async () => {
  await eventually("it is told", async () =>
    (await events("classy")).includes(
      'FailedCreatePodSandBox: Failed to create pod sandbox: failed to get sandbox runtime: no runtime for "no-such-handler" is configured',
    ),
  );
  expect((await pod("classy")).status?.phase).toBe("Pending");
  await kubectl("delete", "runtimeclass", ns);
});

test("what the node does not allow or cannot do is refused, with the reason", async () => {
  const refused = async (name: string) => {
    const { status } = await phase(name, "Failed");
    expect(await events(name)).toContain(`${status?.reason}: `);
    return [status?.reason, status?.message];
  };
  expect(await refused("unsafe")).toEqual([
    "SysctlForbidden",
    'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
  ]);
  await eventually("the user namespace is refused", async () =>
    (await events("remapped")).includes(
      "FailedCreatePodSandBox: Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces",
    ),
  );
  expect((await pod("remapped")).status?.phase).toBe("Pending");
});

test("a privileged container has every capability, or says that the host will not give them", async () => {
  await eventually("it runs or is refused", async () => {
    const [status] = (await pod("privileged")).status?.containerStatuses ?? [];
    if (status?.state?.running)
      return /^CapEff:\t[0-9a-f]*ffff$/m.test(await sh("privileged", "cat /proc/1/status"));
    return (await events("privileged")).includes("operation not permitted");
  });
});
