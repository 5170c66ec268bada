import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { ServiceCIDR } from "@coracle/shared/api/generated/networking-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox, testserver } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, getJson, kubectl } from "./support/run.ts";

const ns = useNamespace("network");
const { apply, ready, sh, pod } = podsIn(ns);

/** A server on port 80 that says its pod's name; `spec` is more of the pod. */
const server = (name: string, port: string, spec = ""): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: server, name: ${name} } }
spec:
  terminationGracePeriodSeconds: 0
  ${spec}
  containers:
    - name: main
      image: ${busybox}
      command: ["sh", "-c", "mkdir /www; echo ${name} > /www/name; exec httpd -f -p 8080 -h /www"]
      ports: [${port}]
---`;
const service = (name: string, spec: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: server }, ports: [{ port: 80, targetPort: 8080 }], ${spec} }
---`;
const change = (name: string, body: object, ...more: string[]): Promise<string> =>
  kubectl("patch", "service", name, "-n", ns, "--type=merge", "-p", JSON.stringify(body), ...more);
const addressOf = async (name: string): Promise<string> =>
  (await getJson<Service>("service", name, "-n", ns)).spec?.clusterIP ?? "";

type Outcome = "answer" | "refused" | "silence";
/** What a client in the pod `server` gets at an address. */
async function reach(host: string): Promise<Outcome> {
  const said = await sh("server", `wget -q -O- -T 1 http://${host}/name 2>&1 || true`);
  if (said === "server\n") return "answer";
  return said.includes("refused") ? "refused" : "silence";
}
const becomes = (outcome: Outcome, host: string): Promise<unknown> =>
  eventually(`${outcome} at ${host}`, async () => (await reach(host)) === outcome);

const range = `10.${200 + Math.floor(Math.random() * 50)}.7`;
const cidr = ns.replace("network", "range");

beforeAll(async () => {
  await apply(
    server("server", "{ containerPort: 8080, hostPort: 38080 }") +
      service("plain", "") +
      service("external", "externalIPs: [192.0.2.17]") +
      service("balanced", "type: LoadBalancer"),
  );
  await ready("server");
});
afterAll(async () => {
  await kubectl("delete", "servicecidr", cidr, "--wait=false", "--ignore-not-found");
});

test("a label leaves a Service to another proxy, and gives it back", async () => {
  const address = await addressOf("plain");
  await becomes("answer", address);
  for (const label of ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"]) {
    await change("plain", { metadata: { labels: { [label]: "other" } } });
    await becomes("refused", address);
    await change("plain", { metadata: { labels: { [label]: null } } });
    await becomes("answer", address);
  }
});

test("an external address is served, and refused when there is no endpoint", async () => {
  await becomes("answer", "192.0.2.17");
  await change("external", { spec: { selector: { app: "nobody" } } });
  await becomes("refused", "192.0.2.17");
});

test("a load balancer's address serves its source ranges, and is forgotten with the type", async () => {
  const status = { status: { loadBalancer: { ingress: [{ ip: "192.0.2.18" }] } } };
  await change("balanced", status, "--subresource=status");
  await becomes("answer", "192.0.2.18");
  await change("balanced", { spec: { loadBalancerSourceRanges: ["198.51.100.0/24"] } });
  await becomes("silence", "192.0.2.18");
  await becomes("answer", await addressOf("balanced"));
  await change("balanced", { spec: { type: "ClusterIP", loadBalancerSourceRanges: null } });
  const after = await getJson<Service>("service", "balanced", "-n", ns);
  expect(after.status).toEqual({ loadBalancer: {} });
});

test("a further range of Service addresses is used, and stays while it is", async () => {
  const manifest = `{ apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: { name: ${cidr} }, spec: { cidrs: [${range}.0/24] } }`;
  await apply(manifest);
  await kubectl("wait", "servicecidr", cidr, "--for=condition=Ready", "--timeout=30s");
  await apply(service("further", `clusterIP: ${range}.7`) + service("nowhere", `clusterIP: ${range}.8`));
  await change("nowhere", { spec: { selector: { app: "nobody" } } });
  await becomes("answer", `${range}.7`);
  await becomes("refused", `${range}.8`);
  await kubectl("delete", "servicecidr", cidr, "--wait=false");
  await kubectl("wait", "servicecidr", cidr, "--for=condition=Ready=false", "--timeout=30s");
  await kubectl("delete", "service", "further", "nowhere", "-n", ns);
  const { status } = await getJson<ServiceCIDR>("servicecidr", cidr);
  expect(status?.conditions?.[0]?.reason).toBe("Terminating");
});

test("a pod reaches itself through its host port", async () => {
  await becomes("answer", `${(await pod("server")).status?.hostIP}:38080`);
});

test("a pod in its node's network is reached by the API server, and answers datagrams from where it was asked", async () => {
  const { spec, status } = await pod("server");
  const echo = `require("node:dgram").createSocket("udp4").on("message", function (m, peer) { this.send(m, peer.port, peer.address); }).bind(38083)`;
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: hosted }
spec:
  hostNetwork: true
  nodeName: ${spec?.nodeName}
  terminationGracePeriodSeconds: 0
  containers:
    - { name: main, image: ${testserver}, env: [{ name: PORT, value: "38081" }, { name: ECHO_PORT, value: "38082" }] }
    - { name: udp, image: ${testserver}, command: ["node", "-e", ${JSON.stringify(echo)}] }
---
apiVersion: v1
kind: Pod
metadata: { name: asker }
spec: { nodeName: ${spec?.nodeName}, terminationGracePeriodSeconds: 0, containers: [{ name: main, image: ${testserver} }] }
`);
  await ready("hosted", "asker");
  expect((await pod("hosted")).status?.podIP).toBe(status?.hostIP);
  const path = `/api/v1/namespaces/${ns}/pods/hosted:38081/proxy/client`;
  const said = await eventually("it answers", () => kubectl("get", "--raw", path));
  expect(JSON.parse(said)).toMatchObject({ address: expect.any(String) });
  const ask = `
    const socket = require("node:dgram").createSocket("udp4");
    socket.on("message", (m) => { console.log(String(m)); process.exit(); });
    socket.connect(38083, "${status?.hostIP}", () => socket.send("here"));
    setTimeout(process.exit, 2000, 1);`;
  await eventually("an echo", async () => {
    const heard = await kubectl("exec", "-n", ns, "asker", "--", "node", "-e", ask);
    return heard === "here\n";
  });
});
