import type { Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { busybox, testserver } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, getJson, kubectl, kubectlWith } from "./support/run.ts";

const ns = useNamespace("dns");
const { apply, ready, sh, pod } = podsIn(ns);
const below = `${ns}.svc.cluster.local`;

/** A pod with the Service's label and more of a spec. */
const labelled = (name: string, spec: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: named } }
spec:
  terminationGracePeriodSeconds: 0
  ${spec}
---`;
const sleeping = `image: ${busybox}, command: [sleep, "100000"]`;

/** Reads lines of `TYPE name`, and says each answer as JSON, or why there is none: ENOTFOUND is NXDOMAIN, ENODATA is NODATA. */
const asker = `
const resolver = new (require("node:dns").promises.Resolver)({ timeout: 2000, tries: 3 });
const ask = (type, name) => (type === "PTR" ? resolver.reverse(name) : resolver.resolve(name, type)).catch((e) => e.code);
const lines = require("node:fs").readFileSync(0, "utf8").trim().split("\\n");
Promise.all(lines.map((line) => ask(...line.split(" ")))).then((all) => console.log(JSON.stringify(all)));
`;

/** Asks the cluster's DNS from within a pod. */
async function answers(...questions: string[]): Promise<unknown[]> {
  const node = `exec -i -n ${ns} asker -- node -e`;
  const said = await kubectlWith(questions.join("\n"), ...node.split(" "), asker);
  return JSON.parse(said) as unknown[];
}

beforeAll(async () => {
  await apply(`
apiVersion: v1
kind: Service
metadata: { name: plain }
spec: { selector: { app: named }, ports: [{ name: http, port: 80 }, { name: time, port: 123, protocol: UDP }] }
---
apiVersion: v1
kind: Service
metadata: { name: bare }
spec: { clusterIP: None, selector: { app: named }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: eager }
spec: { clusterIP: None, publishNotReadyAddresses: true, selector: { app: named } }
---
apiVersion: v1
kind: Service
metadata: { name: alias }
spec: { type: ExternalName, externalName: plain.${below} }
---
apiVersion: v1
kind: Service
metadata: { name: away }
spec: { type: ExternalName, externalName: outside.example }
---
${labelled("host", `hostname: ada\n  subdomain: bare\n  containers: [{ name: main, ${sleeping} }]`)}
${labelled("late", `containers: [{ name: main, ${sleeping}, readinessProbe: { exec: { command: ["false"] } } }]`)}
apiVersion: v1
kind: Pod
metadata: { name: asker }
spec: { terminationGracePeriodSeconds: 0, containers: [{ name: main, image: ${testserver} }] }
---
apiVersion: v1
kind: Pod
metadata: { name: own }
spec:
  terminationGracePeriodSeconds: 0
  dnsPolicy: None
  dnsConfig:
    nameservers: [192.0.2.53]
    searches: [one.example, two.example]
    options: [{ name: ndots, value: "2" }, { name: edns0 }]
  containers: [{ name: main, ${sleeping} }]
---
apiVersion: v1
kind: Pod
metadata: { name: more }
spec:
  terminationGracePeriodSeconds: 0
  dnsConfig: { nameservers: [192.0.2.53], searches: [one.example], options: [{ name: ndots, value: "3" }] }
  containers: [{ name: main, ${sleeping} }]
`);
  await ready("host", "asker", "own", "more");
  await eventually("both pods have addresses in DNS", async () => {
    const [all] = await answers(`A eager.${below}`);
    return Array.isArray(all) && all.length === 2;
  });
});

const addressOf = async (name: string): Promise<string> => (await pod(name)).status?.podIP ?? "";
const serviceAddress = async (name: string, namespace = ns): Promise<string> =>
  (await getJson<Service>("service", name, "-n", namespace)).spec?.clusterIP ?? "";

test("a Service has its address, its ports and its way back; what does not exist is told from what has no such record", async () => {
  const address = await serviceAddress("plain");
  const [api, dns] = [
    await serviceAddress("kubernetes", "default"),
    await serviceAddress("kube-dns", "kube-system"),
  ];
  const srv = (port: number) => ({ name: `plain.${below}`, port, priority: 0, weight: 100, type: "SRV" });
  const table: [string, unknown][] = [
    [`A plain.${below}`, [address]],
    [`A PLAIN.${ns}.Svc.Cluster.Local`, [address]],
    [`AAAA plain.${below}`, "ENODATA"],
    [`SRV _http._tcp.plain.${below}`, [srv(80)]],
    [`SRV _time._udp.plain.${below}`, [srv(123)]],
    [`SRV _http._udp.plain.${below}`, "ENOTFOUND"],
    [`PTR ${address}`, [`plain.${below}`]],
    ["A kubernetes.default.svc.cluster.local", [api]],
    ["A kube-dns.kube-system.svc.cluster.local", [dns]],
    [`A nobody.${below}`, "ENOTFOUND"],
    ["A plain.no-such-namespace.svc.cluster.local", "ENOTFOUND"],
    [`A ${below}`, "ENODATA"],
    ["NS cluster.local", ["ns.dns.cluster.local"]],
    ["TXT dns-version.cluster.local", [["1.1.0"]]],
  ];
  expect(await answers(...table.map(([question]) => question))).toEqual(table.map(([, answer]) => answer));
  expect((await answers("SOA cluster.local"))[0]).toMatchObject({
    nsname: "ns.dns.cluster.local",
    minttl: 5,
  });
});

test("a headless Service names its ready pods, or all that are there when it publishes them", async () => {
  const [host, late] = [await addressOf("host"), await addressOf("late")];
  const table: [string, unknown][] = [
    [`A bare.${below}`, [host]],
    [`A ada.bare.${below}`, [host]],
    [`A host.bare.${below}`, "ENOTFOUND"],
    [
      `SRV _http._tcp.bare.${below}`,
      [{ name: `ada.bare.${below}`, port: 8080, priority: 0, weight: 100, type: "SRV" }],
    ],
    [`A ${host.replaceAll(".", "-")}.${ns}.pod.cluster.local`, [host]],
    [`AAAA ${host.replaceAll(".", "-")}.${ns}.pod.cluster.local`, "ENODATA"],
    ["A 1-2-3-4.no-such-namespace.pod.cluster.local", "ENOTFOUND"],
  ];
  expect(await answers(...table.map(([question]) => question))).toEqual(table.map(([, answer]) => answer));
  const [all, back] = await answers(`A eager.${below}`, `PTR ${host}`);
  expect((all as string[]).toSorted()).toEqual([host, late].toSorted());
  expect(back).toContain(`ada.bare.${below}`);
});

test("an ExternalName is an alias, followed where it leads into the cluster", async () => {
  expect(await answers(`CNAME alias.${below}`, `A alias.${below}`, `CNAME away.${below}`)).toEqual([
    [`plain.${below}`],
    [await serviceAddress("plain")],
    ["outside.example"],
  ]);
});

test("pods have the resolver configuration that their policy says, and know their own name", async () => {
  const file = (name: string): Promise<string> => sh(name, "cat /etc/resolv.conf");
  const dns = await serviceAddress("kube-dns", "kube-system");
  const search = `search ${below} svc.cluster.local cluster.local`;
  expect(await file("host")).toBe(`${search}\nnameserver ${dns}\noptions ndots:5\n`);
  expect(await file("own")).toBe(
    "search one.example two.example\nnameserver 192.0.2.53\noptions ndots:2 edns0\n",
  );
  expect(await file("more")).toBe(
    `${search} one.example\nnameserver ${dns}\nnameserver 192.0.2.53\noptions ndots:3\n`,
  );
  expect(await sh("host", "hostname; hostname -f")).toBe(`ada\nada.bare.${below}\n`);
});

test("a name that goes is gone within its time to live", async () => {
  await kubectl("delete", "service", "plain", "-n", ns);
  await eventually("no such name", async () => (await answers(`A plain.${below}`))[0] === "ENOTFOUND");
});

test("the DNS serves from more than one node and is back when one of its pods goes", async () => {
  const pods = async (): Promise<Pod[]> =>
    (await getJson<{ items: Pod[] }>("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")).items;
  await kubectl("rollout", "status", "deployment/coracle-dns", "-n", "kube-system", "--timeout=60s");
  const [first] = await pods();
  expect(new Set((await pods()).map((p) => p.spec?.nodeName)).size).toBeGreaterThan(1);
  await kubectl("delete", "pod", "-n", "kube-system", String(first?.metadata.name), "--wait=false");
  // Those who ask while it ends do not wait for an answer that never comes.
  const questions = Array.from({ length: 50 }, () => "A kubernetes.default.svc.cluster.local");
  const address = await serviceAddress("kubernetes", "default");
  expect(await answers(...questions)).toEqual(questions.map(() => [address]));
});
