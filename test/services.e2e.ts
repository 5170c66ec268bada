import type { Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { busybox, toolPod, webDeployment } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { docker, eventually, get, getJson, kubectl, kubectlWith, tryKubectl } from "./support/run.ts";

const ns = useNamespace("services");
const apply = (yaml: string): Promise<string> => kubectlWith(yaml, "apply", "-n", ns, "-f", "-");
const client = (script: string): Promise<string> =>
  kubectl("exec", "-n", ns, "client", "--", "sh", "-c", script);
const address = async (name: string): Promise<string> =>
  (await getJson<Service>("service", name, "-n", ns)).spec?.clusterIP ?? "";
const webPods = async (): Promise<Pod[]> =>
  (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", "app=web")).items;

beforeAll(async () => {
  await apply(`${webDeployment("web", 3)}---${toolPod("client")}`);
  await kubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=120s");
  await kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/client", "--timeout=60s");
  for (const pod of await webPods())
    await kubectl(
      "exec",
      "-n",
      ns,
      String(pod.metadata.name),
      "--",
      "sh",
      "-c",
      "cat /etc/hostname > /usr/share/nginx/html/name",
    );
});

test("session affinity keeps a client at one endpoint", async () => {
  await apply(`
apiVersion: v1
kind: Service
metadata: { name: sticky }
spec: { selector: { app: web }, sessionAffinity: ClientIP, ports: [{ port: 80 }] }
`);
  await eventually("it answers", () => client("wget -q -O- -T 2 http://sticky/name"));
  const said = await client("for i in $(seq 20); do wget -q -O- -T 5 http://sticky/name; done");
  expect(new Set(said.split("\n").filter(Boolean)).size).toBe(1);
});

test("a Service without endpoints refuses at once, and one that gets some answers", async () => {
  await apply(
    "apiVersion: v1\nkind: Service\nmetadata: { name: empty }\nspec: { selector: { app: nobody }, ports: [{ port: 80 }] }\n",
  );
  const ip = await address("empty");
  const start = Date.now();
  const refused = await tryKubectl(
    "exec",
    "-n",
    ns,
    "client",
    "--",
    "wget",
    "-q",
    "-O-",
    "-T",
    "20",
    "-t",
    "1",
    `http://${ip}/`,
  );
  expect(refused.code).not.toBe(0);
  expect(Date.now() - start).toBeLessThan(5_000);
  await kubectl(
    "patch",
    "service",
    "empty",
    "-n",
    ns,
    "--type=merge",
    "-p",
    '{"spec":{"selector":{"app":"web"}}}',
  );
  await eventually("it answers", () => client(`wget -q -O- -T 2 http://${ip}/name`));
});

test("a pod reaches itself through its own Service", async () => {
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: mirror, labels: { app: mirror } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${busybox}
      command: ["sh", "-c", "mkdir /www; echo me > /www/index.html; httpd -f -p 8080 -h /www"]
---
apiVersion: v1
kind: Service
metadata: { name: reflection }
spec: { selector: { app: mirror }, ports: [{ port: 80, targetPort: 8080 }] }
`);
  await kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/mirror", "--timeout=60s");
  expect(
    await eventually("it answers", () =>
      kubectl("exec", "-n", ns, "mirror", "--", "wget", "-q", "-O-", "-T", "2", "http://reflection/"),
    ),
  ).toBe("me\n");
});

test("a headless Service names its pods, with SRV records of their ports", async () => {
  await apply(
    "apiVersion: v1\nkind: Service\nmetadata: { name: bare }\nspec: { clusterIP: None, selector: { app: web }, ports: [{ name: http, port: 80 }] }\n",
  );
  const ips = (await webPods()).map((p) => p.status?.podIP ?? "").toSorted();
  await eventually("all addresses are there", async () => {
    const said = await client(`nslookup bare.${ns}.svc.cluster.local`);
    return ips.every((ip) => said.includes(ip));
  });
});

test("an ExternalName is an alias of another Service", async () => {
  await apply(
    `apiVersion: v1\nkind: Service\nmetadata: { name: alias }\nspec: { type: ExternalName, externalName: sticky.${ns}.svc.cluster.local }\n`,
  );
  await eventually("it answers", () => client("wget -q -O- -T 2 http://alias/name"));
});

test("externalTrafficPolicy Local serves on nodes with an endpoint and drops on the others", async () => {
  const [first] = await webPods();
  await kubectl("label", "pod", "-n", ns, String(first?.metadata.name), "only=this");
  await apply(
    "apiVersion: v1\nkind: Service\nmetadata: { name: local }\nspec: { type: NodePort, externalTrafficPolicy: Local, selector: { only: this }, ports: [{ port: 80 }] }\n",
  );
  const port = (await getJson<Service>("service", "local", "-n", ns)).spec?.ports?.[0]?.nodePort;
  const nodes = (
    await kubectl(
      "get",
      "nodes",
      "-o",
      'jsonpath={range .items[*]}{.metadata.name} {.status.addresses[?(@.type=="InternalIP")].address}{"\\n"}{end}',
    )
  )
    .trim()
    .split("\n")
    .map((l) => l.split(" "));
  for (const [name, ip] of nodes) {
    const url = `http://${ip}:${port}/name`;
    if (name === first?.spec?.nodeName) await eventually("its node answers", () => get(url, 2000), 15_000);
    else await expect(get(url, 1_000)).rejects.toThrow();
  }
});

test("a node itself reaches a Service, and a dead service address is refused there", async () => {
  const ip = await address("sticky");
  const node = `${process.env["CORACLE_CLUSTER"] ?? "coracle"}-kubelet-1`;
  const script = (host: string): string =>
    `fetch("http://${host}/name",{signal:AbortSignal.timeout(4000)}).then(r=>r.text()).then(t=>console.log(t.trim()),e=>console.log(e.cause?.code??e.name))`;
  expect((await docker("exec", node, "node", "-e", script(ip))).trim()).toMatch(/^web-/);
  expect((await docker("exec", node, "node", "-e", script("10.96.255.254"))).trim()).toMatch(
    /ECONNREFUSED|ECONNRESET/,
  );
});
