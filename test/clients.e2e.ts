import { existsSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import {
  CoreV1Api,
  Exec,
  KubeConfig,
  makeInformer,
  Watch,
  type V1ConfigMap,
  type V1Status,
} from "@kubernetes/client-node";
import { beforeAll, describe, expect, test } from "vitest";
import { busybox, toolPod } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import {
  docker,
  eventually,
  kubeconfig,
  kubectl,
  kubectlBinary,
  kubectlWith,
  must,
  root,
  run,
} from "./support/run.ts";

const ns = useNamespace("clients");

describe("helm 4", () => {
  const helm = (...args: string[]): Promise<string> =>
    must(`${root}.coracle/bin/helm`, ["--kubeconfig", kubeconfig, "-n", ns, ...args]);
  let chart = "";
  beforeAll(async () => {
    chart = join(await mkdtemp(join(tmpdir(), "coracle-chart-")), "shop");
    const files: Record<string, string> = {
      "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
      "values.yaml": "colour: teal\n",
      "templates/config.yaml":
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: {{ .Release.Name }}-config }\ndata: { colour: {{ .Values.colour }} }\n",
      "templates/deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: { name: {{ .Release.Name }} }
spec:
  replicas: 1
  selector: { matchLabels: { app: {{ .Release.Name }} } }
  template:
    metadata: { labels: { app: {{ .Release.Name }} } }
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{ name: main, image: ${busybox}, command: [sleep, "3600"] }]
`,
      "templates/hook.yaml": `apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-before
  annotations: { helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: ${busybox}, command: ["true"] }]
`,
    };
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(chart, name)), { recursive: true });
      await writeFile(join(chart, name), text);
    }
  });

  test("install waits for the hook and the Deployment", async () => {
    expect(existsSync(`${root}.coracle/bin/helm`)).toBe(true);
    expect(await helm("install", "shop", chart, "--wait", "--timeout=90s")).toContain("STATUS: deployed");
    expect(await kubectl("get", "configmap", "shop-config", "-n", ns, "-o", "jsonpath={.data.colour}")).toBe(
      "teal",
    );
    expect(await kubectl("get", "job", "shop-before", "-n", ns, "-o", "jsonpath={.status.succeeded}")).toBe(
      "1",
    );
    expect(
      await kubectl("get", "deployment", "shop", "-n", ns, "-o", "jsonpath={.status.availableReplicas}"),
    ).toBe("1");
  });
  test("upgrade changes, history counts, rollback returns, uninstall leaves nothing", async () => {
    await helm("upgrade", "shop", chart, "--set", "colour=plum", "--wait", "--timeout=90s");
    expect(await kubectl("get", "configmap", "shop-config", "-n", ns, "-o", "jsonpath={.data.colour}")).toBe(
      "plum",
    );
    expect(await helm("history", "shop")).toMatch(/1\s.*superseded[\s\S]*2\s.*deployed/);
    await helm("rollback", "shop", "1", "--wait", "--timeout=90s");
    expect(await kubectl("get", "configmap", "shop-config", "-n", ns, "-o", "jsonpath={.data.colour}")).toBe(
      "teal",
    );
    expect(await helm("list")).toMatch(/shop\s+\S+\s+3\s/);
    await helm("uninstall", "shop", "--wait");
    expect(await kubectl("get", "deployment,configmap", "-n", ns, "-o", "name")).not.toContain("shop");
  });
});

describe("@kubernetes/client-node", () => {
  const config = new KubeConfig();
  let api: CoreV1Api;
  beforeAll(() => {
    config.loadFromFile(kubeconfig);
    api = config.makeApiClient(CoreV1Api);
  });
  const configMap = (name: string, data: Record<string, string>): V1ConfigMap => ({
    metadata: { name, labels: { of: "client-node" } },
    data,
  });

  test("an informer sees adds, updates and deletes", async () => {
    const path = `/api/v1/namespaces/${ns}/configmaps`;
    const informer = makeInformer(
      config,
      path,
      () => api.listNamespacedConfigMap({ namespace: ns, labelSelector: "of=client-node" }),
      "of=client-node",
    );
    const seen: string[] = [];
    for (const verb of ["add", "update", "delete"] as const)
      informer.on(verb, (object: V1ConfigMap) =>
        seen.push(`${verb} ${object.metadata?.name} ${object.data?.["n"]}`),
      );
    await informer.start();
    await api.createNamespacedConfigMap({ namespace: ns, body: configMap("watched", { n: "1" }) });
    await api.replaceNamespacedConfigMap({
      namespace: ns,
      name: "watched",
      body: configMap("watched", { n: "2" }),
    });
    await api.deleteNamespacedConfigMap({ namespace: ns, name: "watched" });
    await eventually("all three", async () => seen.length === 3);
    await informer.stop();
    expect(seen).toEqual(["add watched 1", "update watched 2", "delete watched 2"]);
  });

  test("an informer goes on after the API server was restarted, and misses nothing", async () => {
    const path = `/api/v1/namespaces/${ns}/configmaps`;
    const list = () => api.listNamespacedConfigMap({ namespace: ns, labelSelector: "of=client-node" });
    const informer = makeInformer(config, path, list, "of=client-node");
    const seen = new Set<string>();
    for (const verb of ["add", "update", "delete"] as const)
      informer.on(verb, (object: V1ConfigMap) => seen.add(`${verb} ${object.metadata?.name}`));
    let broken = 0;
    // What its documentation says to do.
    informer.on("error", () => {
      broken++;
      setTimeout(() => void informer.start(), 250);
    });
    await api.createNamespacedConfigMap({ namespace: ns, body: configMap("before", {}) });
    await informer.start();
    await docker("restart", "-t", "5", `${process.env["CORACLE_CLUSTER"] ?? "coracle"}-apiserver-1`);
    await eventually("the API answers", async () => kubectl("get", "--raw", "/readyz"));
    await kubectl("delete", "configmap", "before", "-n", ns);
    await api.createNamespacedConfigMap({ namespace: ns, body: configMap("after", {}) });
    await eventually("both", async () => seen.has("delete before") && seen.has("add after"));
    await informer.stop();
    expect(informer.list().map((c) => c.metadata?.name)).toEqual(["after"]);
    expect(broken).toBeLessThan(50);
    await kubectl("delete", "configmap", "after", "-n", ns);
  });

  test("a watch resumes where another left off, and misses nothing", async () => {
    const { metadata } = await api.listNamespacedConfigMap({ namespace: ns });
    for (let i = 0; i < 5; i++)
      await api.createNamespacedConfigMap({ namespace: ns, body: configMap(`resume-${i}`, {}) });
    const names: string[] = [];
    const controller = await new Watch(config).watch(
      `/api/v1/namespaces/${ns}/configmaps`,
      { resourceVersion: metadata?.resourceVersion, labelSelector: "of=client-node" },
      (type: string, object: V1ConfigMap) => names.push(`${type} ${object.metadata?.name}`),
      () => undefined,
    );
    await eventually("all five", async () => names.length >= 5);
    controller.abort();
    expect(names).toEqual(Array.from({ length: 5 }, (_, i) => `ADDED resume-${i}`));
  });

  test("exec carries output and the exit status", async () => {
    await kubectlWith(toolPod("library"), "apply", "-n", ns, "-f", "-");
    await kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/library", "--timeout=60s");
    const out = new PassThrough();
    let text = "";
    out.on("data", (d: Buffer) => (text += d.toString()));
    const status = await new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec(ns, "library", "main", ["sh", "-c", "echo hello; exit 3"], out, null, null, false, resolve)
        .catch(reject);
    });
    expect(text).toBe("hello\n");
    expect(status.status).toBe("Failure");
    expect(status.details?.causes?.[0]?.message).toBe("3");
  });
});

test("a follow of 64 MiB through exec loses nothing", async () => {
  const script = "dd if=/dev/zero bs=1048576 count=64 2>/dev/null";
  const out = await run("sh", [
    "-c",
    `${kubectlBinary} --kubeconfig ${kubeconfig} exec -n ${ns} library -- sh -c '${script}' | wc -c`,
  ]);
  expect(out.stdout.trim()).toBe(String(64 * 1024 * 1024));
});
