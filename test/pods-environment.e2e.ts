import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";

const ns = useNamespace("environment");
const { apply, phase, logs, ready, sh } = podsIn(ns);
const head = (name: string, spec = ""): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec:\n  terminationGracePeriodSeconds: 0\n  ${spec}\n`;

beforeAll(async () => {
  await apply(`---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { good: "1", a.b: "2" }
---
apiVersion: v1
kind: Service
metadata: { name: back-end }
spec: { selector: { app: none }, ports: [{ port: 8080 }] }
`);
  await apply(`${head("env", "restartPolicy: Never")}
  containers:
    - name: main
      image: ${busybox}
      command: [env]
      resources: { limits: { cpu: 250m, memory: 32Mi } }
      envFrom:
        - { prefix: P_, configMapRef: { name: settings } }
        - { secretRef: { name: absent, optional: true } }
      env:
        - { name: NONE, valueFrom: { configMapKeyRef: { name: settings, key: absent, optional: true } } }
        - { name: CPU, valueFrom: { resourceFieldRef: { resource: limits.cpu, divisor: 1m } } }
        - { name: MEM, valueFrom: { resourceFieldRef: { resource: limits.memory, divisor: 1Mi } } }
${head("unlinked", "restartPolicy: Never")}
  enableServiceLinks: false
  containers: [{ name: main, image: ${busybox}, command: [env] }]
${head("named", "hostname: box")}
  subdomain: sub
  setHostnameAsFQDN: true
  hostAliases: [{ ip: 10.1.2.3, hostnames: [alias.test] }]
  dnsPolicy: None
  dnsConfig: { nameservers: [10.9.8.7], searches: [x.test], options: [{ name: ndots, value: "3" }] }
  containers: [{ name: main, image: ${busybox}, command: [sleep, "3600"] }]
`);
});

test("prefixes, optional references, resources and services are in the environment", async () => {
  await phase("env", "Succeeded");
  const lines = (await logs("env")).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining(["P_good=1", "CPU=250", "MEM=32", "BACK_END_SERVICE_PORT=8080"]),
  );
  expect(lines.some((line) => line.startsWith("NONE="))).toBe(false);
  await phase("unlinked", "Succeeded");
  const unlinked = await logs("unlinked");
  expect(unlinked).toContain("KUBERNETES_SERVICE_HOST=");
  expect(unlinked).not.toContain("BACK_END_");
});

test("names and resolver are the manifest's", async () => {
  await ready("named");
  expect(await sh("named", "hostname")).toBe(`box.sub.${ns}.svc.cluster.local\n`);
  expect(await sh("named", "cat /etc/hosts")).toMatch(/^10\.1\.2\.3\s+alias\.test$/m);
  const resolver = (await sh("named", "cat /etc/resolv.conf")).trim().split("\n");
  expect(resolver.toSorted()).toEqual(["nameserver 10.9.8.7", "options ndots:3", "search x.test"]);
});
