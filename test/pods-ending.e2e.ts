import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, getJson, kubectl } from "./support/run.ts";

const ns = useNamespace("ending");
const { apply, pod, ready, sh } = podsIn(ns);
const box = `image: ${busybox}, command: [sh, -c]`;
const log = "volumeMounts: [{ name: log, mountPath: /log }]";
const head = (name: string, grace: number, more = ""): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, labels: { app: ${name} } }\nspec:\n  nodeName: node-2\n  terminationGracePeriodSeconds: ${grace}\n  volumes: [{ name: log, hostPath: { path: /tmp/${ns}, type: DirectoryOrCreate } }]\n${more}`;
/** Says in the node's log what it got, and ends with the code after a while. */
const onSignal = (name: string, signal: string, wait = 0, code = 0): string =>
  `trap 'echo ${name} ${signal} >> /log/log; sleep ${wait}; exit ${code}' ${signal}; touch /log/${name}; while :; do sleep 0.1; done`;

beforeAll(async () => {
  await apply(`${head("reader", 0)}
  containers: [{ name: main, ${box}, args: ["trap 'exit 0' TERM; while :; do sleep 1; done"], ${log} }]
${head("layers", 30)}
  initContainers:
    - { name: inner, ${box}, args: ["${onSignal("inner", "TERM")}"], restartPolicy: Always, ${log},
        lifecycle: { preStop: { exec: { command: [sh, -c, "echo inner hook >> /log/log"] } } } }
    - { name: outer, ${box}, args: ["${onSignal("outer", "TERM")}"], restartPolicy: Always, ${log} }
  containers: [{ name: main, ${box}, args: ["${onSignal("main", "TERM", 1)}"], ${log} }]
${head("usr1", 30)}
  os: { name: linux }
  containers: [{ name: main, ${box}, args: ["${onSignal("usr1", "USR1")}"], ${log}, lifecycle: { stopSignal: SIGUSR1 } }]
${head("deaf", 2)}
  containers: [{ name: main, ${box}, args: ["trap '' TERM; touch /log/deaf; while :; do sleep 0.1; done"], ${log} }]
${head("brusque", 0)}
  containers: [{ name: main, ${box}, args: ["${onSignal("brusque", "TERM")}"], ${log},
    lifecycle: { preStop: { exec: { command: [sleep, "600"] } } } }]
${head("slow", 30)}
  containers:
    - { name: main, ${box}, args: ["${onSignal("slow", "TERM", 4)}"], ${log} }
    - { name: failing, ${box}, args: ["${onSignal("failing", "TERM", 0, 4)}"], ${log} }
---
apiVersion: v1
kind: Service
metadata: { name: slow }
spec: { selector: { app: slow }, ports: [{ port: 80 }] }
---
apiVersion: batch/v1
kind: Job
metadata: { name: job }
spec:
  template:
    spec:
      restartPolicy: Never
      initContainers: [{ name: side, ${box}, args: ["trap 'exit 0' TERM; while :; do sleep 0.1; done"], restartPolicy: Always }]
      containers: [{ name: main, ${box}, args: ["exit 0"] }]
`);
  await ready("reader", "layers", "usr1", "deaf", "brusque", "slow");
  // Running is not yet listening.
  const names = ["inner", "outer", "main", "usr1", "deaf", "brusque", "slow", "failing"];
  await eventually("every trap is set", () => sh("reader", `cd /log && ls ${names.join(" ")}`));
});

const deleted = async (name: string): Promise<number> => {
  const start = Date.now();
  await kubectl("delete", "pod", name, "-n", ns);
  return Date.now() - start;
};

test("while a pod ends its status follows its containers, and its endpoint serves on as terminating", async () => {
  await kubectl("delete", "pod", "slow", "-n", ns, "--wait=false");
  const half = await eventually("one container has ended", async () => {
    const now = await pod("slow");
    return now.status?.containerStatuses?.some((s) => s.state?.terminated) ? now : undefined;
  });
  expect(half.metadata.deletionGracePeriodSeconds).toBe(30);
  expect(half.status?.phase).toBe("Running");
  expect(half.status?.containerStatuses?.find((s) => s.name === "failing")?.state?.terminated?.exitCode).toBe(
    4,
  );
  const { items } = await getJson<{ items: EndpointSlice[] }>(
    "endpointslices",
    "-n",
    ns,
    "-l",
    "kubernetes.io/service-name=slow",
  );
  expect(items.flatMap((slice) => slice.endpoints).map((e) => e?.conditions)).toEqual([
    expect.objectContaining({ ready: false, terminating: true }),
  ]);
});

test("containers end first, then sidecars from the last to the first, each with its hook and its own signal", async () => {
  const [, , deaf, brusque] = await Promise.all(["layers", "usr1", "deaf", "brusque"].map(deleted));
  const lines = (await sh("reader", "cat /log/log")).split("\n");
  expect(lines.filter((line) => /^(main|outer|inner) /.test(line))).toEqual([
    "main TERM",
    "outer TERM",
    "inner hook",
    "inner TERM",
  ]);
  expect(lines).toContain("usr1 USR1");
  // Its grace is over after two seconds; the kernel ends it then.
  expect(deaf).toBeGreaterThan(1_900);
  expect(deaf).toBeLessThan(25_000);
  // No grace is a second at least, and no hook takes longer.
  expect(brusque).toBeLessThan(15_000);
});

test("a Job is complete when its work is, and its sidecar is ended", async () => {
  await kubectl("wait", "-n", ns, "--for=condition=Complete", "job/job", "--timeout=60s");
  const [done] = (
    await getJson<{ items: Awaited<ReturnType<typeof pod>>[] }>("pods", "-n", ns, "-l", "job-name=job")
  ).items;
  expect(done?.status?.phase).toBe("Succeeded");
  expect(done?.status?.initContainerStatuses?.[0]?.state?.terminated?.reason).toBe("Completed");
});
