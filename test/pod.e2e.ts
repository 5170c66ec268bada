import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { expect, test } from "vitest";
import { busybox, toolPod, webDeployment, webImage } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import {
  docker,
  eventually,
  get,
  getJson,
  kubeconfig,
  kubectl,
  kubectlBackground,
  kubectlBinary,
  kubectlWith,
  must,
  tryKubectl,
} from "./support/run.ts";

const ns = useNamespace("pods");
const pod = (name: string): Promise<Pod> => getJson<Pod>("pod", name, "-n", ns);
const apply = (yaml: string): Promise<string> => kubectlWith(yaml, "apply", "-n", ns, "-f", "-");
const ready = (name: string): Promise<string> =>
  kubectl("wait", "-n", ns, "--for=condition=Ready", `pod/${name}`, "--timeout=60s");
const sh = (name: string, script: string, container = "main"): Promise<string> =>
  kubectl("exec", "-n", ns, name, "-c", container, "--", "sh", "-c", script);

test("a killed container is started again in the same pod", async () => {
  await apply(toolPod("phoenix"));
  await ready("phoenix");
  const before = await pod("phoenix");
  const id = before.status?.containerStatuses?.[0]?.containerID?.replace("docker://", "") ?? "";
  await docker("kill", "-s", "KILL", id);
  const after = await eventually("it runs again", async () => {
    const now = await pod("phoenix");
    return now.status?.containerStatuses?.[0]?.restartCount === 1 &&
      now.status.containerStatuses[0].state?.running
      ? now
      : undefined;
  });
  expect(after.metadata.uid).toBe(before.metadata.uid);
  expect(after.status?.podIP).toBe(before.status?.podIP);
  expect(after.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(137);
});

test("a deleted pod of a Deployment is replaced", async () => {
  await apply(webDeployment("healer", 1));
  await kubectl("rollout", "status", "-n", ns, "deployment/healer", "--timeout=60s");
  const [first] = (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", "app=healer")).items;
  await kubectl("delete", "pod", "-n", ns, String(first?.metadata.name));
  await kubectl("rollout", "status", "-n", ns, "deployment/healer", "--timeout=60s");
  const [second] = (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", "app=healer")).items;
  expect(second?.metadata.uid).not.toBe(first?.metadata.uid);
});

test("two containers of a pod share localhost and IPC, and neither its files", async () => {
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: pair }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - { name: web, image: ${webImage} }
    - { name: main, image: ${busybox}, command: [sleep, "3600"] }
`);
  await ready("pair");
  expect(await eventually("nginx answers", () => sh("pair", "wget -q -O- -T 2 http://localhost/"))).toContain(
    "nginx",
  );
  await sh("pair", "echo shared > /dev/shm/note");
  expect(await sh("pair", "cat /dev/shm/note", "web")).toBe("shared\n");
  expect(await sh("pair", "readlink /proc/self/ns/ipc")).toBe(
    await sh("pair", "readlink /proc/self/ns/ipc", "web"),
  );
  expect(
    (await tryKubectl("exec", "-n", ns, "pair", "-c", "main", "--", "ls", "/usr/share/nginx")).code,
  ).not.toBe(0);
});

test("command, arguments and environment reach the container, from values, ConfigMap, Secret and the pod itself", async () => {
  await kubectl(
    "create",
    "configmap",
    "settings",
    "-n",
    ns,
    "--from-literal=colour=blue",
    "--from-literal=size=9",
  );
  await kubectl("create", "secret", "generic", "keys", "-n", ns, "--from-literal=password=s3cr3t");
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: env, labels: { tier: front } }
spec:
  restartPolicy: Never
  containers:
    - name: main
      image: ${busybox}
      command: ["sh", "-c"]
      args: ["echo $(GREETING) $COLOUR $P_size $PASSWORD $POD $(cat /etc/settings/colour) $(NOPE)"]
      env:
        - { name: WHO, value: world }
        - { name: GREETING, value: hello-$(WHO) }
        - { name: COLOUR, valueFrom: { configMapKeyRef: { name: settings, key: colour } } }
        - { name: PASSWORD, valueFrom: { secretKeyRef: { name: keys, key: password } } }
        - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
      envFrom: [{ prefix: P_, configMapRef: { name: settings } }]
      volumeMounts: [{ name: settings, mountPath: /etc/settings }]
  volumes: [{ name: settings, configMap: { name: settings } }]
`);
  await kubectl("wait", "-n", ns, "--for=jsonpath={.status.phase}=Succeeded", "pod/env", "--timeout=60s");
  // An unresolved reference stays for the shell, which finds no command NOPE.
  expect(await kubectl("logs", "-n", ns, "env")).toMatch(
    /^(sh: NOPE: not found\n)?hello-world blue 9 s3cr3t env blue ?\n(sh: NOPE: not found\n)?$/,
  );
});

test("a ConfigMap volume follows a change, and the swap is atomic", async () => {
  await kubectl("create", "configmap", "live", "-n", ns, "--from-literal=a=1", "--from-literal=b=1");
  await apply(
    toolPod(
      "follower",
      "      volumeMounts: [{ name: v, mountPath: /v }]\n  volumes: [{ name: v, configMap: { name: live } }]\n",
    ),
  );
  await ready("follower");
  expect(await sh("follower", "cat /v/a /v/b")).toBe("11");
  await kubectl("patch", "configmap", "live", "-n", ns, "--type=merge", "-p", '{"data":{"a":"2","b":"2"}}');
  await eventually("the files changed", async () => (await sh("follower", "cat /v/a /v/b")) === "22");
  expect(await sh("follower", "readlink /v/a")).toBe("..data/a\n");
});

test("readiness keeps a pod out of its Service, liveness restarts it", async () => {
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: probed, labels: { app: probed } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${busybox}
      command: ["sh", "-c", "touch /tmp/alive; sleep 3600"]
      readinessProbe: { exec: { command: [test, -f, /tmp/ready] }, periodSeconds: 1 }
      livenessProbe: { exec: { command: [test, -f, /tmp/alive] }, periodSeconds: 1, failureThreshold: 2 }
---
apiVersion: v1
kind: Service
metadata: { name: probed }
spec: { selector: { app: probed }, ports: [{ port: 80 }] }
`);
  const endpoints = (): Promise<string> =>
    kubectl("get", "endpoints", "probed", "-n", ns, "-o", "jsonpath={.subsets[*].addresses[*].ip}");
  await eventually("it runs", async () => (await pod("probed")).status?.phase === "Running");
  expect(await endpoints()).toBe("");
  await eventually("exec works", () => sh("probed", "touch /tmp/ready"));
  await ready("probed");
  await eventually(
    "it is an endpoint",
    async () => (await endpoints()) === (await pod("probed")).status?.podIP,
  );
  await sh("probed", "rm /tmp/alive");
  await eventually(
    "liveness restarted it",
    async () => (await pod("probed")).status?.containerStatuses?.[0]?.restartCount === 1,
  );
});

test("logs are whole and in order, and follow", async () => {
  await apply(
    toolPod("writer").replace(
      "while :; do sleep 1; done",
      "for i in $(seq 1000); do echo line $i; done; while :; do sleep 1; echo tick; done",
    ),
  );
  await ready("writer");
  const text = await eventually("a thousand lines", async () => {
    const t = await kubectl("logs", "-n", ns, "writer");
    return t.includes("line 1000\n") ? t : undefined;
  });
  expect(text.split("\n").slice(0, 1000)).toEqual(Array.from({ length: 1000 }, (_, i) => `line ${i + 1}`));
  await using follow = kubectlBackground("logs", "-n", ns, "-f", "--tail=1", "writer");
  await eventually("new lines arrive", async () => (follow.output().match(/tick/g) ?? []).length >= 2);
});

test("exec carries standard input, both outputs and the exit code", async () => {
  await apply(toolPod("worker"));
  await ready("worker");
  expect(await kubectlWith("hello\n", "exec", "-i", "-n", ns, "worker", "--", "cat")).toBe("hello\n");
  const out = await tryKubectl(
    "exec",
    "-n",
    ns,
    "worker",
    "--",
    "sh",
    "-c",
    "echo out; echo err >&2; exit 7",
  );
  expect(out).toMatchObject({ code: 7, stdout: "out\n" });
  expect(out.stderr).toContain("err\n");
});

test("a terminal is a terminal", async () => {
  const out = await must("script", [
    "-qec",
    `${kubectlBinary} --kubeconfig ${kubeconfig} exec -it -n ${ns} worker -- sh -c 'test -t 0 && echo tty'`,
    "/dev/null",
  ]);
  expect(out).toContain("tty");
});

test("port-forward carries HTTP from the host to a pod", async () => {
  await using forward = kubectlBackground("port-forward", "-n", ns, "pod/pair", ":80");
  const port = await eventually("it listens", async () => /127\.0\.0\.1:(\d+)/.exec(forward.output())?.[1]);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => get(`http://127.0.0.1:${port}/`, 10000)),
  );
  for (const answer of answers) expect(answer).toContain("nginx");
});

test("a pod ends gracefully: preStop runs, SIGTERM arrives, the grace period is honoured", async () => {
  await apply(
    toolPod("polite").replace("terminationGracePeriodSeconds: 0", "terminationGracePeriodSeconds: 20"),
  );
  await ready("polite");
  const start = Date.now();
  await kubectl("delete", "pod", "polite", "-n", ns);
  expect(Date.now() - start).toBeLessThan(10_000);
});

test("an image that does not exist is said so and backed off", async () => {
  await kubectl("run", "missing", "-n", ns, "--image=coracle.invalid/missing:1", "--restart=Never");
  const reasons = new Set<string>();
  await eventually("both reasons were seen", async () => {
    reasons.add((await pod("missing")).status?.containerStatuses?.[0]?.state?.waiting?.reason ?? "");
    return reasons.has("ImagePullBackOff");
  });
  expect(
    await kubectl(
      "get",
      "events",
      "-n",
      ns,
      "--field-selector",
      "involvedObject.name=missing",
      "-o",
      "jsonpath={.items[*].reason}",
    ),
  ).toContain("Failed");
  await kubectl("delete", "pod", "missing", "-n", ns, "--wait=false");
});
