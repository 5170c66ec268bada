import { mkdtemp, mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { signingRequest } from "./support/certificates.ts";
import { busybox, toolPod, webDeployment, webImage, webService } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import {
  eventually,
  get,
  kubectl,
  kubectlBackground,
  kubectlWith,
  tryKubectl,
  tryKubectlWith,
  must,
} from "./support/run.ts";

const ns = useNamespace("kubectl");
const k = (...args: string[]): Promise<string> => kubectl("-n", ns, ...args);
const tryK = (...args: string[]) => tryKubectl("-n", ns, ...args);
const kWith = (input: string, ...args: string[]): Promise<string> => kubectlWith(input, "-n", ns, ...args);
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "coracle-kubectl-"));
  await kWith(`${webDeployment("web", 2)}---${webService("web")}---${toolPod("tool")}`, "apply", "-f", "-");
  await k("rollout", "status", "deployment/web", "--timeout=120s");
  await k("wait", "--for=condition=Ready", "pod/tool", "--timeout=60s");
});

describe("looking", () => {
  test("api-resources and api-versions", async () => {
    const resources = await kubectl("api-resources");
    for (const line of [
      /^pods\s+po\s+v1\s+true\s+Pod$/m,
      /^deployments\s+deploy\s+apps\/v1\s+true\s+Deployment$/m,
      /^nodes\s+no\s+v1\s+false\s+Node$/m,
    ])
      expect(resources).toMatch(line);
    expect((await kubectl("api-versions")).split("\n")).toEqual(
      expect.arrayContaining(["v1", "apps/v1", "batch/v1", "rbac.authorization.k8s.io/v1"]),
    );
  });
  test("cluster-info names the control plane and the DNS", async () => {
    const info = await kubectl("cluster-info");
    expect(info).toContain("Kubernetes control plane");
    expect(info).toContain("kube-dns:dns/proxy");
  });
  test("get in every output form", async () => {
    expect(await k("get", "deployment", "web")).toMatch(
      /^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+2\/2\s+2\s+2\s+\d+s/,
    );
    expect(await k("get", "deployment", "web", "-o", "wide")).toMatch(
      /CONTAINERS\s+IMAGES\s+SELECTOR\n.*nginx\s+nginx:\S+\s+app=web/,
    );
    expect(await k("get", "deployment", "web", "-o", "name")).toBe("deployment.apps/web\n");
    expect(JSON.parse(await k("get", "deployment", "web", "-o", "json"))).toMatchObject({
      apiVersion: "apps/v1",
      kind: "Deployment",
    });
    expect(await k("get", "deployment", "web", "-o", "yaml")).toMatch(
      /^apiVersion: apps\/v1\nkind: Deployment/,
    );
    expect(await k("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}")).toBe("2");
    expect(await k("get", "deployment", "web", "-o", "go-template={{.metadata.name}}")).toBe("web");
    expect(
      await k("get", "pods", "-l", "app=web", "-o", "custom-columns=NAME:.metadata.name", "--no-headers"),
    ).toMatch(/^web-\S+\nweb-\S+\n$/);
    expect(await k("get", "pods", "--sort-by=.metadata.name", "-o", "wide")).toMatch(
      /NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/,
    );
    expect(await k("get", "pods", "--show-labels")).toMatch(/LABELS\n/);
    expect(await k("get", "all")).toContain("replicaset.apps/web-");
    expect(await k("get", "pods", "--field-selector=metadata.name=tool", "-o", "name")).toBe("pod/tool\n");
    expect(await k("get", "pods,services", "-o", "name")).toContain("service/web");
    expect(await k("get", "--raw", `/api/v1/namespaces/${ns}/pods/tool`)).toContain('"kind":"Pod"');
  });
  test("describe of each kind tells its state and events", async () => {
    const pod = await k("describe", "pod", "tool");
    for (const part of [
      /^Status:\s+Running$/m,
      /^QoS Class:\s+BestEffort$/m,
      /Normal\s+Scheduled\s+.*Successfully assigned/,
      /Normal\s+Started/,
    ])
      expect(pod).toMatch(part);
    expect(await k("describe", "deployment", "web")).toMatch(
      /Replicas:\s+2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/,
    );
    expect(await k("describe", "service", "web")).toMatch(/Endpoints:\s+\d+\.\d+\.\d+\.\d+:80/);
    expect(await kubectl("describe", "node", "node-1")).toMatch(/Ready\s+True/);
    expect(await kubectl("describe", "namespace", ns)).toMatch(/Status:\s+Active/);
    expect(await k("describe", "replicaset")).toContain("Controlled By:  Deployment/web");
    expect(await k("describe", "serviceaccount", "default")).toContain("Name:                default");
  });
  test("explain, at depth", async () => {
    const text = await kubectl("explain", "deployment.spec.template.spec.containers.livenessProbe.httpGet");
    expect(text).toMatch(/FIELD: httpGet <HTTPGetAction>/);
    expect(text).toMatch(/port\s+<IntOrString> -required-/);
    expect(text).toContain("Path to access on the HTTP server.");
    expect(await kubectl("explain", "pods", "--recursive")).toContain("topologySpreadConstraints");
    expect((await tryKubectl("explain", "pods.spec.nope")).stderr).toContain('field "nope" does not exist');
  });
  test("events", async () => {
    expect(await k("events", "--for=pod/tool")).toMatch(/Normal\s+Scheduled\s+Pod\/tool/);
  });
  test("top", async () => {
    await eventually(
      "figures of the pods",
      async () => /tool\s+\d+m\s+\d+Mi/.test(await k("top", "pods")),
      60_000,
    );
    expect(await kubectl("top", "nodes")).toMatch(/node-1\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/);
  });
});

describe("writing", () => {
  test("create of every generator", async () => {
    expect(await k("create", "configmap", "c", "--from-literal=a=1")).toBe("configmap/c created\n");
    expect(await k("create", "secret", "generic", "s", "--from-literal=a=1")).toBe("secret/s created\n");
    expect(
      await k(
        "create",
        "secret",
        "docker-registry",
        "pull",
        "--docker-server=r.invalid",
        "--docker-username=u",
        "--docker-password=p",
      ),
    ).toBe("secret/pull created\n");
    expect(await k("create", "serviceaccount", "robot")).toBe("serviceaccount/robot created\n");
    expect(await k("create", "role", "reader", "--verb=get,list", "--resource=pods")).toBe(
      "role.rbac.authorization.k8s.io/reader created\n",
    );
    expect(await k("create", "rolebinding", "reader", "--role=reader", `--serviceaccount=${ns}:robot`)).toBe(
      "rolebinding.rbac.authorization.k8s.io/reader created\n",
    );
    expect(await k("create", "quota", "q", "--hard=pods=100")).toBe("resourcequota/q created\n");
    expect(await k("create", "job", "j", `--image=${busybox}`, "--", "true")).toBe("job.batch/j created\n");
    expect(
      await k("create", "cronjob", "cj", `--image=${busybox}`, "--schedule=0 0 1 1 *", "--", "true"),
    ).toBe("cronjob.batch/cj created\n");
    expect(await k("create", "poddisruptionbudget", "pdb", "--selector=app=none", "--min-available=1")).toBe(
      "poddisruptionbudget.policy/pdb created\n",
    );
    expect(await k("create", "ingress", "i", "--rule=a.example/*=web:80")).toBe(
      "ingress.networking.k8s.io/i created\n",
    );
    expect(await k("create", "service", "clusterip", "ci", "--tcp=80:80")).toBe("service/ci created\n");
    expect((await k("create", "token", "robot")).split(".")).toHaveLength(3);
    await k("wait", "--for=condition=Complete", "job/j", "--timeout=60s");
  });
  test("apply, again, and what it prunes", async () => {
    const yaml = (data: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: applied }\ndata: { ${data} }\n`;
    expect(await kWith(yaml("a: one, b: two"), "apply", "-f", "-")).toBe("configmap/applied created\n");
    expect(await kWith(yaml("a: one, b: two"), "apply", "-f", "-")).toBe("configmap/applied unchanged\n");
    expect(await kWith(yaml("a: z"), "apply", "-f", "-")).toBe("configmap/applied configured\n");
    expect(JSON.parse(await k("get", "configmap", "applied", "-o", "jsonpath={.data}"))).toEqual({ a: "z" });
  });
  test("apply --server-side: owners, conflicts, force", async () => {
    const yaml = (value: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: shared }\ndata: { key: ${value} }\n`;
    expect(await kWith(yaml("one"), "apply", "--server-side", "--field-manager=first", "-f", "-")).toBe(
      "configmap/shared serverside-applied\n",
    );
    const conflict = await tryKubectlWith(
      yaml("two"),
      "-n",
      ns,
      "apply",
      "--server-side",
      "--field-manager=second",
      "-f",
      "-",
    );
    expect(conflict.code).toBe(1);
    expect(conflict.stderr).toContain('conflict with "first"');
    await kWith(
      yaml("two"),
      "apply",
      "--server-side",
      "--field-manager=second",
      "--force-conflicts",
      "-f",
      "-",
    );
    expect(await k("get", "configmap", "shared", "-o", "jsonpath={.data.key}")).toBe("two");
  });
  test("diff shows what would change and changes nothing", async () => {
    const out = await tryKubectlWith(webDeployment("web", 3), "-n", ns, "diff", "-f", "-");
    expect(out.code).toBe(1);
    expect(out.stdout).toMatch(/-\s+replicas: 2\n\+\s+replicas: 3/);
    expect(await k("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}")).toBe("2");
  });
  test("dry run on the server stores nothing", async () => {
    expect(await k("create", "configmap", "ghost", "--dry-run=server")).toBe(
      "configmap/ghost created (server dry run)\n",
    );
    expect((await tryK("get", "configmap", "ghost")).code).toBe(1);
  });
  test("edit, replace, patch of all types", async () => {
    const editor = join(folder, "editor.sh");
    await writeFile(editor, "#!/bin/sh\nsed -i 's/a: z/a: edited/' \"$1\"\n", { mode: 0o755 });
    await must("env", [`KUBE_EDITOR=${editor}`, ...(await editCommand("edit", "configmap", "applied"))]);
    expect(await k("get", "configmap", "applied", "-o", "jsonpath={.data.a}")).toBe("edited");
    const object = await k("get", "configmap", "applied", "-o", "json");
    expect(await kWith(object.replace("edited", "replaced"), "replace", "-f", "-")).toBe(
      "configmap/applied replaced\n",
    );
    await k(
      "patch",
      "configmap",
      "applied",
      "--type=json",
      "-p",
      '[{"op":"add","path":"/data/j","value":"1"}]',
    );
    await k("patch", "configmap", "applied", "--type=merge", "-p", '{"data":{"a":null}}');
    expect(JSON.parse(await k("get", "configmap", "applied", "-o", "jsonpath={.data}"))).toEqual({ j: "1" });
    await k(
      "patch",
      "deployment",
      "web",
      "-p",
      '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","env":[{"name":"A","value":"1"}]}]}}}}',
    );
    expect(
      await k(
        "get",
        "deployment",
        "web",
        "-o",
        "jsonpath={.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[0].name}",
      ),
    ).toBe(`${webImage} A`);
  });
  test("label and annotate", async () => {
    expect(await k("label", "configmap", "applied", "a=b")).toBe("configmap/applied labeled\n");
    expect((await tryK("label", "configmap", "applied", "a=c")).stderr).toContain("--overwrite is false");
    expect(await k("label", "configmap", "applied", "a-")).toBe("configmap/applied unlabeled\n");
    expect(await k("annotate", "configmap", "applied", "note=hi")).toBe("configmap/applied annotated\n");
  });
  test("scale, autoscale, expose, set", async () => {
    expect(await k("scale", "deployment", "web", "--replicas=3")).toBe("deployment.apps/web scaled\n");
    expect(await k("autoscale", "deployment", "web", "--min=1", "--max=3", "--cpu-percent=80")).toContain(
      "horizontalpodautoscaler.autoscaling/web autoscaled",
    );
    expect(await k("expose", "deployment", "web", "--port=80", "--name=exposed")).toBe(
      "service/exposed exposed\n",
    );
    expect(await k("set", "env", "deployment/web", "B=2")).toContain("deployment.apps/web env updated");
    expect(await k("set", "resources", "deployment/web", "--requests=cpu=5m")).toContain(
      "resource requirements updated",
    );
    await k("delete", "horizontalpodautoscaler", "web");
  });
  test("rollout: status, history, pause, resume, restart, undo", async () => {
    await k("rollout", "status", "deployment/web", "--timeout=120s");
    expect(await k("rollout", "pause", "deployment/web")).toBe("deployment.apps/web paused\n");
    expect(await k("rollout", "resume", "deployment/web")).toBe("deployment.apps/web resumed\n");
    expect(await k("rollout", "restart", "deployment/web")).toBe("deployment.apps/web restarted\n");
    await k("rollout", "status", "deployment/web", "--timeout=120s");
    expect(await k("rollout", "history", "deployment/web")).toMatch(/REVISION\s+CHANGE-CAUSE/);
    expect(await k("rollout", "undo", "deployment/web")).toBe("deployment.apps/web rolled back\n");
    await k("rollout", "status", "deployment/web", "--timeout=120s");
  });
  test("delete by name, by label, all; and waits until it is gone", async () => {
    expect(await k("delete", "configmap", "c")).toMatch(/^configmap "c" deleted/);
    await k("label", "configmap", "applied", "shared", "sweep=yes");
    expect(await k("delete", "configmap", "-l", "sweep=yes")).toMatch(
      /configmap "applied" deleted.*\nconfigmap "shared" deleted/,
    );
    expect((await tryK("delete", "configmap", "c")).stderr).toContain("NotFound");
    expect(await k("delete", "configmap", "c", "--ignore-not-found")).toBe("");
  });
  test("kustomize", async () => {
    const dir = join(folder, "kustomize");
    await mkdir(dir);
    await writeFile(
      join(dir, "kustomization.yaml"),
      "configMapGenerator:\n  - { name: gen, literals: [x=1] }\nnamePrefix: k-\n",
    );
    expect(await k("apply", "-k", dir)).toMatch(/^configmap\/k-gen-\S+ created\n$/);
  });
});

/** kubectl's own command line, for programs that must be wrapped. */
async function editCommand(...args: string[]): Promise<string[]> {
  const { kubectlBinary, kubeconfig } = await import("./support/run.ts");
  return [kubectlBinary, "--kubeconfig", kubeconfig, "-n", ns, ...args];
}

describe("access", () => {
  test("auth can-i, whoami, and as somebody else", async () => {
    expect(await kubectl("auth", "can-i", "create", "pods")).toBe("yes\n");
    expect(await kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).toBe(
      "kubernetes-admin",
    );
    const robot = `--as=system:serviceaccount:${ns}:robot`;
    expect((await tryK("auth", "can-i", "list", "pods", robot)).stdout).toBe("yes\n");
    expect((await tryK("auth", "can-i", "delete", "pods", robot)).stdout).toBe("no\n");
    expect((await tryK("delete", "pod", "tool", robot)).stderr).toContain(
      `pods "tool" is forbidden: User "system:serviceaccount:${ns}:robot" cannot delete resource "pods" in API group "" in the namespace "${ns}"`,
    );
    expect(await k("auth", "can-i", "--list", robot)).toMatch(/pods\s+\[\]\s+\[\]\s+\[get list\]/);
  });
  test("auth reconcile", async () => {
    const role = `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: reader, namespace: ${ns} }\nrules: [{ apiGroups: [''], resources: [pods], verbs: [get, list, watch] }]\n`;
    expect(await kWith(role, "auth", "reconcile", "-f", "-")).toContain(
      "role.rbac.authorization.k8s.io/reader reconciled",
    );
  });
  test("certificate: a request is approved, signed, and opens the door", async () => {
    const { request, key } = await signingRequest("CN=jane,O=devs");
    await writeFile(join(folder, "jane.key"), key);
    const name = `jane-${ns}`;
    await kubectlWith(
      `apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: { name: ${name} }\nspec: { request: ${request}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth] }\n`,
      "create",
      "-f",
      "-",
    );
    expect(await kubectl("certificate", "approve", name)).toContain("approved");
    const certificate = await eventually("it is signed", async () =>
      kubectl("get", "csr", name, "-o", "jsonpath={.status.certificate}"),
    );
    await writeFile(join(folder, "jane.crt"), Buffer.from(certificate, "base64"));
    const out = await tryKubectl(
      "auth",
      "whoami",
      "-o",
      "jsonpath={.status.userInfo.username}",
      `--client-certificate=${join(folder, "jane.crt")}`,
      `--client-key=${join(folder, "jane.key")}`,
    );
    expect(out.stdout).toBe("jane");
  });
});

describe("nodes", () => {
  test("cordon, drain, uncordon, taint", async () => {
    expect(await kubectl("cordon", "node-2")).toBe("node/node-2 cordoned\n");
    expect(await kubectl("get", "node", "node-2")).toContain("Ready,SchedulingDisabled");
    const drained = await kubectl(
      "drain",
      "node-2",
      "--ignore-daemonsets",
      "--delete-emptydir-data",
      "--force",
      `--pod-selector=app=web`,
      "--timeout=60s",
    );
    expect(drained).toContain("node/node-2 drained");
    expect(await kubectl("uncordon", "node-2")).toBe("node/node-2 uncordoned\n");
    expect(await kubectl("taint", "node", "node-2", "e2e=1:PreferNoSchedule")).toBe("node/node-2 tainted\n");
    expect(await kubectl("taint", "node", "node-2", "e2e-")).toBe("node/node-2 untainted\n");
  });
});

describe("into pods", () => {
  test("run a pod to its end and see what it said", async () => {
    expect(
      await k(
        "run",
        "once",
        `--image=${busybox}`,
        "--restart=Never",
        "--rm",
        "--attach",
        "--quiet",
        "--",
        "sh",
        "-c",
        "sleep 1; echo said",
      ),
    ).toContain("said");
  });
  test("cp both ways", async () => {
    await writeFile(join(folder, "there.txt"), "and back\n");
    await k("cp", join(folder, "there.txt"), "tool:/tmp/there.txt");
    await k("cp", "tool:/tmp/there.txt", join(folder, "back.txt"));
    expect(await readFile(join(folder, "back.txt"), "utf8")).toBe("and back\n");
  });
  test("debug adds an ephemeral container", async () => {
    await k("debug", "tool", `--image=${busybox}`, "--container=dbg", "--", "sleep", "60");
    await eventually(
      "it runs",
      async () =>
        (await k(
          "get",
          "pod",
          "tool",
          "-o",
          "jsonpath={.status.ephemeralContainerStatuses[0].state.running.startedAt}",
        )) !== "",
    );
    expect(await k("exec", "tool", "-c", "dbg", "--", "echo", "inside")).toBe("inside\n");
  });
  test("attach shows what a container says from now on", async () => {
    await kWith(toolPod("talker").replace("do sleep 1", "do sleep 1; echo tick"), "apply", "-f", "-");
    await k("wait", "--for=condition=Ready", "pod/talker", "--timeout=60s");
    await using attached = kubectlBackground("attach", "-n", ns, "talker");
    await eventually("it ticks", async () => attached.output().includes("tick"));
  });
  test("proxy serves the API on the host, and a Service through it", async () => {
    await using proxy = kubectlBackground("proxy", "--port=0");
    const address = await eventually("it listens", async () => /127\.0\.0\.1:\d+/.exec(proxy.output())?.[0]);
    expect(await get(`http://${address}/version`)).toContain('"minor"');
    expect(await get(`http://${address}/api/v1/namespaces/${ns}/services/web:http/proxy/`)).toContain(
      "nginx",
    );
  });
});
