import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, kubectl } from "./support/run.ts";

const ns = useNamespace("policies");
const { apply, ready, sh, pod } = podsIn(ns);

const onNode = (name: string, node: string, app: string, main: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${app} } }
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers: [{ name: main, image: ${busybox}, ${main} }]
---`;
const serve =
  'command: [sh, -c, "mkdir /www; echo here > /www/x; httpd -p 9090 -h /www; exec httpd -f -p 8080 -h /www"], ports: [{ name: web, containerPort: 8080 }], readinessProbe: { httpGet: { path: /x, port: web }, periodSeconds: 1, failureThreshold: 1 }';
const wait = 'command: [sleep, "3600"]';

/** What a policy of these pods says; its ports may have names. */
const policy = (name: string, app: string, spec: string): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name} }
spec: { podSelector: { matchLabels: { app: ${app} } }, ${spec} }
---`;

const reaches = async (from: string, host: string): Promise<boolean> =>
  (await sh(from, `wget -qO- -T 1 -t 1 http://${host}/x 2>/dev/null || true`)) === "here\n";
/** Whether each client reaches the address, in their order. */
const becomes = (wanted: Readonly<Record<string, boolean>>, host: string): Promise<unknown> =>
  eventually(`${host} is reached: ${JSON.stringify(wanted)}`, async () => {
    const now = await Promise.all(Object.keys(wanted).map((from) => reaches(from, host)));
    return now.join() === Object.values(wanted).join();
  });

let near = "";
let far = "";
beforeAll(async () => {
  await apply(
    onNode("server", "node-1", "server", serve) +
      onNode("other", "node-2", "server", serve) +
      onNode("friend", "node-1", "friend", wait) +
      onNode("distant", "node-2", "friend", wait) +
      onNode("stranger", "node-2", "stranger", wait) +
      `
apiVersion: v1
kind: Service
metadata: { name: server }
spec: { selector: { app: server }, ports: [{ port: 80, targetPort: web }] }
`,
  );
  await ready("server", "other", "friend", "distant", "stranger");
  near = `${(await pod("server")).status?.podIP}:8080`;
  far = `${(await pod("other")).status?.podIP}:8080`;
}, 120_000);

test("a pod that a policy selects is reached by those it names, on its node and from others, and still probed", async () => {
  await becomes({ friend: true, distant: true, stranger: true }, near);
  await apply(policy("closed", "server", "policyTypes: [Ingress]"));
  await becomes({ friend: false, distant: false, stranger: false }, near);
  await apply(
    policy(
      "friends",
      "server",
      "ingress: [{ from: [{ podSelector: { matchLabels: { app: friend } } }], ports: [{ port: web }] }]",
    ),
  );
  await becomes({ friend: true, distant: true, stranger: false }, near);
  await becomes({ friend: true, distant: true, stranger: false }, "server");
  // Another port of the same pods is not named.
  await becomes({ friend: false }, near.replace("8080", "9090"));
  expect(await reaches("server", near)).toBe(true);
  const conditions = (await pod("server")).status?.conditions;
  expect(conditions?.find((c) => c.type === "Ready")?.status).toBe("True");
});

test("it follows the labels of pods and namespaces", async () => {
  await kubectl("label", "pod", "stranger", "-n", ns, "app=friend", "--overwrite");
  await becomes({ stranger: true }, far);
  await kubectl("label", "pod", "stranger", "-n", ns, "app=stranger", "--overwrite");
  await becomes({ stranger: false }, far);
  await apply(
    policy(
      "friends",
      "server",
      "ingress: [{ from: [{ namespaceSelector: { matchLabels: { trusted: yes-it-is } } }] }]",
    ),
  );
  await becomes({ friend: false, stranger: false }, far);
  await kubectl("label", "namespace", ns, "trusted=yes-it-is");
  await becomes({ friend: true, stranger: true }, far);
});

test("what a pod may ask is judged too, by the pods behind a Service", async () => {
  await kubectl("delete", "networkpolicy", "-n", ns, "--all");
  await becomes({ friend: true }, far);
  const dns = "{ ports: [{ protocol: UDP, port: 53 }, { port: 53 }] }";
  await apply(policy("quiet", "friend", `policyTypes: [Egress], egress: [${dns}]`));
  await becomes({ friend: false, stranger: true }, far);
  await apply(
    policy(
      "quiet",
      "friend",
      `policyTypes: [Egress], egress: [${dns}, { to: [{ podSelector: {} }], ports: [{ port: web }] }]`,
    ),
  );
  await becomes({ friend: true }, "server");
  await becomes({ friend: false }, far.replace("8080", "9090"));
  await kubectl("delete", "networkpolicy", "-n", ns, "--all");
  await becomes({ friend: true }, far.replace("8080", "9090"));
});
