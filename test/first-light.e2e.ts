import type { Pod, Service, Node } from "@coracle/shared/api/generated/core-v1.ts";
import { expect, test } from "vitest";
import { testserver, toolPod, webDeployment, webService } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { eventually, get, getJson, kubectl, kubectlWith } from "./support/run.ts";

const ns = useNamespace("first-light");
const pods = async (selector: string): Promise<Pod[]> =>
  (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", selector)).items;
const wget = (pod: string, url: string): Promise<string> =>
  kubectl("exec", "-n", ns, pod, "--", "wget", "-q", "-O-", "-T", "5", url);

test("the server says it is Kubernetes 1.36", async () => {
  const version = JSON.parse(await kubectl("version", "-o", "json")) as {
    serverVersion: { major: string; minor: string; gitVersion: string };
  };
  expect(version.serverVersion.major).toBe("1");
  expect(version.serverVersion.minor).toBe("36");
  expect(version.serverVersion.gitVersion).toMatch(/^v1\.36\.\d+/);
});

test("three nodes are Ready", async () => {
  const nodes = (await getJson<{ items: Node[] }>("nodes")).items;
  const ready = nodes.filter((n) =>
    n.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True"),
  );
  expect(ready.map((n) => n.metadata.name).toSorted()).toEqual(["node-1", "node-2", "node-3"]);
});

test("multi-document YAML becomes six replicas spread over three nodes", async () => {
  await kubectlWith(
    `${webDeployment("web", 6)}---${webService("web", "NodePort")}---${toolPod("client")}`,
    "apply",
    "-n",
    ns,
    "-f",
    "-",
  );
  await kubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=120s");
  const web = await pods("app=web");
  expect(web).toHaveLength(6);
  const perNode = Map.groupBy(web, (p) => p.spec?.nodeName);
  expect(perNode.size).toBe(3);
  for (const onNode of perNode.values()) expect(onNode.length).toBeGreaterThanOrEqual(1);
  await kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/client", "--timeout=60s");
});

test("a pod reaches every replica by its pod address, across nodes", async () => {
  for (const pod of await pods("app=web"))
    expect(await wget("client", `http://${pod.status?.podIP}/`)).toContain("nginx");
});

test("a pod reaches the Service by address and by name", async () => {
  const service = await getJson<Service>("service", "web", "-n", ns);
  expect(await wget("client", `http://${service.spec?.clusterIP}/`)).toContain("nginx");
  for (const name of ["web", `web.${ns}`, `web.${ns}.svc.cluster.local`])
    expect(await wget("client", `http://${name}/`)).toContain("nginx");
});

test("the host reaches the Service through the NodePort of every node", async () => {
  const service = await getJson<Service>("service", "web", "-n", ns);
  const port = service.spec?.ports?.[0]?.nodePort;
  expect(port).toBeGreaterThanOrEqual(30000);
  for (const node of (await getJson<{ items: Node[] }>("nodes")).items) {
    const address = node.status?.addresses?.find((a) => a.type === "InternalIP")?.address;
    expect(await get(`http://${address}:${port}/`, 5000)).toContain("nginx");
  }
});

test("a Service spreads requests over all its endpoints", async () => {
  const names = new Set((await pods("app=web")).map((p) => p.metadata.name));
  for (const pod of names)
    await kubectl(
      "exec",
      "-n",
      ns,
      String(pod),
      "--",
      "sh",
      "-c",
      "cat /etc/hostname > /usr/share/nginx/html/name",
    );
  await eventually(
    "all six replicas answered",
    async () => {
      const said = await kubectl(
        "exec",
        "-n",
        ns,
        "client",
        "--",
        "sh",
        "-c",
        "for i in $(seq 60); do wget -q -O- -T 5 http://web/name; done",
      );
      return new Set(said.split("\n").filter(Boolean)).size === names.size;
    },
    30_000,
  );
});

test("a pod talks to the API with its ServiceAccount token", async () => {
  await kubectl("create", "role", "reader", "-n", ns, "--verb=list", "--resource=pods");
  await kubectl(
    "create",
    "rolebinding",
    "reader",
    "-n",
    ns,
    "--role=reader",
    `--serviceaccount=${ns}:default`,
  );
  await kubectl("run", "reader", "-n", ns, `--image=${testserver}`, "--restart=Never");
  await kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/reader", "--timeout=60s");
  // As a client library does it: the address and the CA from the pod's own environment and mount.
  const script = `
    const dir = "/var/run/secrets/kubernetes.io/serviceaccount/", fs = require("fs");
    const options = { ca: fs.readFileSync(dir + "ca.crt"), headers: { authorization: "Bearer " + fs.readFileSync(dir + "token", "utf8") } };
    require("https").get("https://kubernetes.default.svc/api/v1/namespaces/${ns}/pods", options, (r) => r.pipe(process.stdout));`;
  const list = await eventually(
    "the role is in force",
    async () => {
      const answer = JSON.parse(await kubectl("exec", "-n", ns, "reader", "--", "node", "-e", script)) as {
        items?: Pod[];
      };
      return answer.items ? { items: answer.items } : undefined;
    },
    15_000,
  );
  expect(list.items.length).toBeGreaterThanOrEqual(7);
});

test("scaling up and down ends with exactly the asked number", async () => {
  await kubectl("scale", "-n", ns, "deployment/web", "--replicas=8");
  await kubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=60s");
  expect(await pods("app=web")).toHaveLength(8);
  await kubectl("scale", "-n", ns, "deployment/web", "--replicas=2");
  await eventually("two are left", async () => (await pods("app=web")).length === 2);
});
