import { beforeAll, expect, test } from "vitest";
import { busybox, webImage } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, kubectl } from "./support/run.ts";

const ns = useNamespace("environment");
const { apply, phase, logs, pod, ready, sh, events } = podsIn(ns);
const head = (name: string, spec = ""): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, labels: { example.com/colour: blue }, annotations: { note: "a b" } }\nspec:\n  terminationGracePeriodSeconds: 0\n  ${spec}\n`;

/** A command for YAML, whose quotes are JSON's too. */
const script = (text: string): string => JSON.stringify(["sh", "-c", text]);

beforeAll(async () => {
  await apply(`---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { good: "1", a.b: "2", VERSION: from-map }
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
${head("told", "restartPolicy: Never")}
  containers:
    - name: main
      image: ${busybox}
      command: ${script(`echo $0 "$1"; tr "\\0" "\\n" < /proc/self/environ; true`)}
      args: ["$(VERSION)-$(NOT_KNOWN)", "$$(VERSION)"]
      workingDir: /tmp
      resources: { requests: { cpu: 250m, memory: 32Mi }, limits: { memory: 64Mi } }
      envFrom:
        - { configMapRef: { name: settings } }
        - { prefix: "a-b ", configMapRef: { name: settings } }
      env:
        - { name: VERSION, value: own }
        - { name: EARLY, value: "$(LATE)-$(good)-$(KUBERNETES_SERVICE_PORT)-$$(VERSION)" }
        - { name: LATE, value: x }
        - { name: EMPTY, value: "" }
        - { name: LABEL, valueFrom: { fieldRef: { fieldPath: "metadata.labels['example.com/colour']" } } }
        - { name: NOTE, valueFrom: { fieldRef: { fieldPath: "metadata.annotations['note']" } } }
        - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
        - { name: POD_UID, valueFrom: { fieldRef: { fieldPath: metadata.uid } } }
        - { name: ACCOUNT, valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } } }
        - { name: NODE, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }
        - { name: HOST_IP, valueFrom: { fieldRef: { fieldPath: status.hostIP } } }
        - { name: HOST_IPS, valueFrom: { fieldRef: { fieldPath: status.hostIPs } } }
        - { name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
        - { name: POD_IPS, valueFrom: { fieldRef: { fieldPath: status.podIPs } } }
        - { name: CPU_LIMIT, valueFrom: { resourceFieldRef: { resource: limits.cpu } } }
        - { name: CPU, valueFrom: { resourceFieldRef: { resource: requests.cpu } } }
        - { name: MEMORY, valueFrom: { resourceFieldRef: { resource: limits.memory } } }
        - { name: DISK, valueFrom: { resourceFieldRef: { resource: limits.ephemeral-storage } } }
${head("filed", "restartPolicy: Never")}
  volumes: [{ name: v, emptyDir: {} }]
  initContainers:
    - { name: writer, image: ${busybox}, command: ${script(`echo "URL='http://a?b=c'" > /v/app.env`)},
        volumeMounts: [{ name: v, mountPath: /v }] }
  containers:
    - name: main
      image: ${busybox}
      command: ${script(`echo "$URL|$NONE"`)}
      env:
        - { name: URL, valueFrom: { fileKeyRef: { volumeName: v, path: app.env, key: URL } } }
        - { name: NONE, valueFrom: { fileKeyRef: { volumeName: v, path: app.env, key: NONE, optional: true } } }
${head("waiting")}
  containers:
    - { name: main, image: ${busybox}, command: [sleep, "600"], env: [{ name: X, valueFrom: { secretKeyRef: { name: later, key: k } } }] }
    - { name: all, image: ${busybox}, command: [sleep, "600"], envFrom: [{ configMapRef: { name: later } }] }
    - { name: key, image: ${busybox}, command: [sleep, "600"], env: [{ name: X, valueFrom: { configMapKeyRef: { name: settings, key: later } } }] }
${head("image", "restartPolicy: Never")}
  containers:
    - { name: args, image: "${webImage}", args: [echo, to the entry point] }
    - { name: command, image: "${webImage}", command: [echo, instead of it] }
${head("node-names", "hostNetwork: true")}
  dnsPolicy: ClusterFirstWithHostNet
  hostAliases: [{ ip: 10.1.2.3, hostnames: [alias.test] }]
  volumes:
    - { name: hosts, hostPath: { path: /etc/hosts, type: File } }
    - { name: name, hostPath: { path: /etc/hostname, type: File } }
    - { name: logs, hostPath: { path: /var/log/pods, type: Directory } }
    - { name: tmp, hostPath: { path: /tmp, type: Directory } }
  containers:
    - name: main
      image: ${busybox}
      command: [sleep, "3600"]
      volumeMounts:
        - { name: hosts, mountPath: /node/hosts }
        - { name: name, mountPath: /node/hostname }
        - { name: logs, mountPath: /node/logs }
        - { name: tmp, mountPath: /node/tmp }
${head("merged")}
  hostnameOverride: my.own.name
  dnsConfig: { nameservers: [10.9.8.7], searches: [svc.cluster.local, x.test], options: [{ name: ndots, value: "3" }, { name: edns0 }] }
  volumes: [{ name: hosts, hostPath: { path: /tmp/${ns}-hosts, type: FileOrCreate } }]
  containers:
    - { name: main, image: ${busybox}, command: [sleep, "3600"] }
    - { name: own, image: ${busybox}, command: [sleep, "3600"], volumeMounts: [{ name: hosts, mountPath: /etc/hosts }] }
${head("too-long", "hostname: box")}
  subdomain: a-subdomain-that-is-too-long-for-the-name-of-any-host-there-is
  setHostnameAsFQDN: true
  containers: [{ name: main, image: ${busybox}, command: [sleep, "3600"] }]
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

test("references, fields and resources are put in, each by those before it", async () => {
  const done = await phase("told", "Succeeded");
  const [said, ...lines] = (await logs("told")).trim().split("\n");
  expect(said).toBe("own-$(NOT_KNOWN) $(VERSION)");
  const { podIP, hostIP } = done.status ?? {};
  expect(Object.fromEntries(lines.map((line) => line.split(/=(.*)/s)))).toMatchObject({
    VERSION: "own",
    EARLY: "$(LATE)-1-443-$(VERSION)",
    EMPTY: "",
    "a.b": "2",
    "a-b good": "1",
    LABEL: "blue",
    NOTE: "a b",
    POD: "told",
    POD_UID: done.metadata.uid,
    ACCOUNT: "default",
    NODE: done.spec?.nodeName,
    HOST_IP: hostIP,
    HOST_IPS: hostIP,
    POD_IP: podIP,
    POD_IPS: podIP,
    CPU: "1",
    MEMORY: String(64 * 1024 * 1024),
    HOSTNAME: "told",
  });
  // Without a limit it is what the node has.
  const node = await kubectl(
    "get",
    "node",
    String(done.spec?.nodeName),
    "-o",
    "jsonpath={.status.allocatable.cpu}",
  );
  expect(lines).toContain(
    `CPU_LIMIT=${node.endsWith("m") ? Math.ceil(Number(node.slice(0, -1)) / 1000) : node}`,
  );
  expect(lines.find((line) => /^DISK=\d{9,}$/.test(line))).toBeDefined();
});

test("a file of a volume gives variables", async () => {
  await phase("filed", "Succeeded");
  expect(await logs("filed", "-c", "main")).toBe("http://a?b=c|\n");
});

test("a container waits for what it refers to, and starts when that comes", async () => {
  const reasons = async (): Promise<(string | undefined)[]> =>
    (await pod("waiting")).status?.containerStatuses?.map(({ state }) => state?.waiting?.message) ?? [];
  await eventually("all three say what they lack", async () => {
    const told = await reasons();
    return (
      told.includes('secret "later" not found') &&
      told.includes('configmap "later" not found') &&
      told.includes(`couldn't find key later in ConfigMap ${ns}/settings`)
    );
  });
  expect((await pod("waiting")).status?.phase).toBe("Pending");
  expect(await events("waiting")).toContain('Failed: Error: secret "later" not found');
  await kubectl("create", "secret", "generic", "later", "-n", ns, "--from-literal=k=v");
  await kubectl("create", "configmap", "later", "-n", ns, "--from-literal=k=v");
  await kubectl("patch", "configmap", "settings", "-n", ns, "-p", '{"data":{"later":"v"}}');
  await ready("waiting");
});

test("arguments go to the image's entry point, a command replaces both", async () => {
  await phase("image", "Succeeded");
  expect(await logs("image", "-c", "args")).toContain("to the entry point\n");
  expect(await logs("image", "-c", "command")).toBe("instead of it\n");
});

test("a pod in the node's network has the node's names and its own aliases", async () => {
  await ready("node-names");
  const hosts = await sh("node-names", "cat /etc/hosts");
  expect(hosts).toMatch(/^# Kubernetes-managed hosts file \(host network\)\.\n/);
  expect(hosts).toMatch(/^10\.1\.2\.3\s+alias\.test$/m);
  expect(await sh("node-names", "cat /etc/resolv.conf")).toContain("nameserver 10.96.0.10\n");
  const { spec, status } = await pod("node-names");
  expect(status?.podIP).toBe(status?.hostIP);
  expect(await sh("node-names", "echo $HOSTNAME; hostname; cat /etc/hostname /node/hostname")).toBe(
    `${spec?.nodeName}\n`.repeat(4),
  );
  expect(await sh("node-names", "cat /node/hosts")).toContain(`${status?.hostIP}\t${spec?.nodeName}\n`);
});

test("dnsConfig adds to the policy's resolver; a container may bring its own hosts file", async () => {
  await ready("merged");
  expect(await sh("merged", "cat /etc/resolv.conf")).toBe(
    `search ${ns}.svc.cluster.local svc.cluster.local cluster.local x.test\nnameserver 10.96.0.10\nnameserver 10.9.8.7\noptions ndots:3 edns0\n`,
  );
  expect(await sh("merged", "hostname")).toBe("my.own.name\n");
  expect(await sh("merged", "head -1 /etc/hosts")).toBe("# Kubernetes-managed hosts file.\n");
  expect(await sh("merged", "cat /etc/hosts", "own")).toBe("");
});

test("a name too long for a host is told", async () => {
  await eventually("an event says so", async () =>
    (await events("too-long")).includes(
      "FailedCreatePodSandBox: Failed to create pod sandbox: Failed to construct FQDN from Pod hostname and cluster domain",
    ),
  );
});
