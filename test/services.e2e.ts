import type { Node, Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { busybox, testserver, toolPod, webDeployment } from "./support/manifests.ts";
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
  await kubectl("patch", "service", "sticky", "-n", ns, "-p", '{"spec":{"sessionAffinity":"None"}}');
  await eventually("clients are spread again", async () => {
    const names = await client("for i in $(seq 12); do wget -q -O- -T 5 http://sticky/name; done");
    return new Set(names.split("\n").filter(Boolean)).size > 1;
  });
});

test("a Service without a selector serves the endpoints that somebody else writes", async () => {
  const [first] = await webPods();
  await apply(`
apiVersion: v1
kind: Service
metadata: { name: manual }
spec: { ports: [{ name: http, port: 8000, targetPort: 80 }] }
---
apiVersion: v1
kind: Endpoints
metadata: { name: manual }
subsets: [{ addresses: [{ ip: ${first?.status?.podIP} }], ports: [{ name: http, port: 80 }] }]
`);
  const said = await eventually("it answers", () => client("wget -q -O- -T 2 http://manual:8000/name"));
  expect(said.trim()).toBe(first?.metadata.name);
  const proxied = await kubectl("get", "--raw", `/api/v1/namespaces/${ns}/services/manual:http/proxy/name`);
  expect(proxied.trim()).toBe(first?.metadata.name);
});

test("a Service changes between an alias and an address", async () => {
  const patch = (spec: object): Promise<string> =>
    kubectl("patch", "service", "turncoat", "-n", ns, "-p", JSON.stringify({ spec }));
  const spec = async () => (await getJson<Service>("service", "turncoat", "-n", ns)).spec;
  await apply(
    `apiVersion: v1\nkind: Service\nmetadata: { name: turncoat }\nspec: { type: ExternalName, externalName: sticky.${ns}.svc.cluster.local }\n`,
  );
  await patch({ type: "NodePort", externalName: null, selector: { app: "web" }, ports: [{ port: 80 }] });
  const { clusterIP, ports } = (await spec()) ?? {};
  expect(ports?.[0]?.nodePort).toBeGreaterThanOrEqual(30_000);
  await eventually("its address answers", () => client(`wget -q -O- -T 2 http://${clusterIP}/name`));
  await patch({ type: "ExternalName", externalName: `sticky.${ns}.svc.cluster.local`, selector: null });
  expect(await spec()).not.toHaveProperty("clusterIP");
  await expect.poll(() => tryKubectl("get", "ipaddress", String(clusterIP))).toMatchObject({ code: 1 });
  await eventually("its alias answers", () => client("wget -q -O- -T 2 http://turncoat/name"));
});

test("UDP and TCP share a port, and a client that keeps its socket is led to the next endpoint", async () => {
  const server = `
    const name = require("node:os").hostname();
    const udp = require("node:dgram").createSocket("udp4");
    udp.on("message", (_, peer) => udp.send("udp " + name + "\\n", peer.port, peer.address)).bind(9000);
    require("node:net").createServer((s) => s.end("tcp " + name + "\\n")).listen(9000);
    process.on("SIGTERM", () => process.exit());`;
  const talker = `
    const said = new Set();
    for (const [host, port] of [[process.env.IP, 7], [process.env.NODE, process.env.PORT]]) {
      const socket = require("node:dgram").createSocket("udp4");
      socket.on("message", (m) => { const line = (port === 7 ? "address " : "node ") + m; if (!said.has(line)) said.add(line), process.stdout.write(line); });
      setInterval(() => socket.send("x", port, host, () => undefined), 100);
    }`;
  await apply(`
apiVersion: v1
kind: Service
metadata: { name: both }
spec:
  type: NodePort
  selector: { app: both }
  ports: [{ name: udp, port: 7, targetPort: 9000, protocol: UDP }, { name: tcp, port: 7, targetPort: 9000 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: both }
spec:
  selector: { matchLabels: { app: both } }
  template:
    metadata: { labels: { app: both } }
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{ name: main, image: ${testserver}, command: ["node", "-e", ${JSON.stringify(server)}] }]
`);
  const { spec } = await getJson<Service>("service", "both", "-n", ns);
  const [node] = (await getJson<{ items: Node[] }>("nodes")).items;
  const nodeAddress = node?.status?.addresses?.find((a) => a.type === "InternalIP")?.address;
  expect(spec?.ports?.[0]?.nodePort).toBe(spec?.ports?.[1]?.nodePort);
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: talker }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${testserver}
      command: ["node", "-e", ${JSON.stringify(talker)}]
      env: [{ name: IP, value: ${spec?.clusterIP} }, { name: NODE, value: ${nodeAddress} }, { name: PORT, value: "${spec?.ports?.[0]?.nodePort}" }]
`);
  await kubectl("rollout", "status", "-n", ns, "deployment/both", "--timeout=120s");
  const names = async (): Promise<string[]> =>
    (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", "app=both")).items
      .filter((p) => !p.metadata.deletionTimestamp)
      .map((p) => String(p.metadata.name));
  const heard = (): Promise<string> => kubectl("logs", "-n", ns, "talker");
  const [before] = await names();
  await eventually("both ways answer", async () => {
    const text = await heard();
    return text.includes(`address udp ${before}`) && text.includes(`node udp ${before}`);
  });
  expect(await client(`nc -w 3 ${spec?.clusterIP} 7 </dev/null`)).toBe(`tcp ${before}\n`);
  await kubectl("delete", "pod", "-n", ns, String(before), "--wait=false");
  await eventually("both ways answer from the next pod", async () => {
    const [after] = await names();
    const text = await heard();
    return after !== before && text.includes(`address udp ${after}`) && text.includes(`node udp ${after}`);
  });
});

test("a Service without endpoints refuses at once, and one that gets some answers", async () => {
  await apply(
    "apiVersion: v1\nkind: Service\nmetadata: { name: empty }\nspec: { selector: { app: nobody }, ports: [{ port: 80 }] }\n",
  );
  const ip = await address("empty");
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
  // Refused, rather than given up waiting for.
  expect(refused.stderr).toContain("Connection refused");
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
