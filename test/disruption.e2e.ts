import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { PodDisruptionBudget } from "@coracle/shared/api/generated/policy-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { Raw, type Answer } from "./support/raw.ts";
import { getJson, kubectl, kubectlWith, tryKubectl } from "./support/run.ts";

/** Who may take a pod away, and what is said of it then: evictions and budgets, taints, pods of higher priority. */
const ns = useNamespace("disruption");
const api = new Raw();
const wait = { timeout: 90_000, interval: 250 };
/** A resource of which the node has two, so that what fits is decided by this test alone. */
const dongle = "coracle.test/dongle";
const important = `important-${ns}`;
/** Of the taint. */
const key = `coracle.test/${ns}`;
let node = "";

const create = (...items: object[]): Promise<string> =>
  kubectlWith(JSON.stringify({ apiVersion: "v1", kind: "List", items }), "create", "-f", "-");
const sleeper = (name: string, spec: object, labels = {}, resources = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: ns, labels },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: "main", image: busybox, command: ["sleep", "600"], resources }],
    ...spec,
  },
});
const ready = (...names: string[]): Promise<string> =>
  kubectl("wait", "-n", ns, "--for=condition=Ready", ...names.map((n) => `pod/${n}`), "--timeout=90s");
const pods = async (): Promise<Pod[]> => (await getJson<{ items: Pod[] }>("pods", "-n", ns)).items;
const names = async (): Promise<string[]> => (await pods()).map((p) => p.metadata.name ?? "").toSorted();
const setDongles = async (amount: string | null): Promise<void> => {
  const list = { [dongle]: amount };
  await api.ask("PATCH", `/api/v1/nodes/${node}/status`, {
    type: "application/merge-patch+json",
    body: { status: { capacity: list, allocatable: list } },
  });
};
/** The last that was said of a pod before it was gone, once `cause` has happened. */
async function lastWords(name: string, cause: () => Promise<unknown>): Promise<object> {
  const gone = api.watch(
    `/api/v1/namespaces/${ns}/pods?watch=true&fieldSelector=metadata.name=${name}`,
    (event) => event.type === "DELETED",
  );
  await cause();
  return (await gone).at(-1)?.object.status as object;
}
const disruptedBy = (reason: string, message: string): object => ({
  conditions: expect.arrayContaining([
    expect.objectContaining({ type: "DisruptionTarget", status: "True", reason, message }),
  ]),
});

beforeAll(async () => {
  await kubectl("create", "priorityclass", important, "--value=1000");
  // Where the cluster's DNS does not run: it would have to move.
  const dns = (await getJson<{ items: Pod[] }>("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")).items;
  const nodes = (await getJson<{ items: Node[] }>("nodes")).items.map((n) => n.metadata.name ?? "");
  node = nodes.find((name) => dns.every((pod) => pod.spec?.nodeName !== name)) ?? "";
  expect(node).not.toBe("");
});
afterAll(async () => {
  await setDongles(null);
  // It is gone but for a test that failed halfway: nothing else would run on that node.
  await tryKubectl("taint", "node", node, `${key}-`);
  await kubectl("delete", "priorityclass", important, "--wait=false");
  api.close();
});

test("an eviction asks the budget, charges it, and leaves a pod alone that may not go", async () => {
  const labels = { app: "budgeted" };
  await create(sleeper("a", {}, labels), sleeper("b", {}, labels), {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "budget", namespace: ns },
    spec: { minAvailable: 2, selector: { matchLabels: labels } },
  });
  const status = async () => (await getJson<PodDisruptionBudget>("pdb", "budget", "-n", ns)).status;
  const evict = (name: string, query = ""): Promise<Answer> =>
    api.ask("POST", `/api/v1/namespaces/${ns}/pods/${name}/eviction${query}`, {
      body: { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace: ns } },
    });
  await ready("a", "b");
  await expect
    .poll(status, wait)
    .toMatchObject({ currentHealthy: 2, desiredHealthy: 2, expectedPods: 2, disruptionsAllowed: 0 });
  const refused = await evict("a");
  expect(refused.status).toBe(429);
  expect(refused.json()).toMatchObject({
    reason: "TooManyRequests",
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [
        {
          reason: "DisruptionBudget",
          message: "The disruption budget budget needs 2 healthy pods and has 2 currently",
        },
      ],
    },
  });
  const patch = { spec: { minAvailable: 1 } };
  await kubectl("patch", "pdb", "budget", "-n", ns, "--type=merge", "-p", JSON.stringify(patch));
  await expect.poll(status, wait).toMatchObject({
    disruptionsAllowed: 1,
    conditions: [{ type: "DisruptionAllowed", status: "True", reason: "SufficientPods" }],
  });
  expect((await evict("a", "?dryRun=All")).status).toBe(201);
  expect(await status()).toMatchObject({ disruptionsAllowed: 1 });
  const last = await lastWords("a", async () => expect((await evict("a")).status).toBe(201));
  expect(last).toMatchObject(disruptedBy("EvictionByEvictionAPI", "Eviction API: evicting"));
  await expect.poll(status, wait).toMatchObject({
    currentHealthy: 1,
    disruptionsAllowed: 0,
    conditions: [{ type: "DisruptionAllowed", status: "False", reason: "InsufficientPods" }],
  });
  expect((await evict("b")).status).toBe(429);
  await kubectl("delete", "-n", ns, "pod/b", "pdb/budget", "--wait=false");
});

test("a NoExecute taint ends pods when their toleration does, unless it is taken back", async () => {
  const tolerating = (tolerationSeconds?: number): object => ({
    nodeName: node,
    tolerations: [{ key, operator: "Exists", effect: "NoExecute", tolerationSeconds }],
  });
  await create(
    sleeper("soon", tolerating(1)),
    sleeper("later", tolerating(20)),
    sleeper("always", tolerating()),
  );
  await ready("soon", "later", "always");
  const last = await lastWords("soon", () => kubectl("taint", "node", node, `${key}=x:NoExecute`));
  expect(last).toMatchObject(
    disruptedBy("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"),
  );
  await kubectl("taint", "node", node, `${key}-`);
  expect((await pods()).filter((p) => !p.metadata.deletionTimestamp).map((p) => p.metadata.name)).toEqual(
    expect.arrayContaining(["always", "later"]),
  );
  await kubectl("delete", "-n", ns, "pod/later", "pod/always", "--wait=false");
});

test("a pod of higher priority takes the place of lower ones, and says for whom it waits", async () => {
  await setDongles("2");
  const asking = { requests: { [dongle]: "2" }, limits: { [dongle]: "2" } };
  await create(sleeper("low", {}, {}, asking));
  await ready("low");
  await create(sleeper("also-low", {}, {}, asking));
  await expect
    .poll(async () => (await getJson<Pod>("pod", "also-low", "-n", ns)).status?.conditions, wait)
    .toMatchObject([{ type: "PodScheduled", status: "False", reason: "Unschedulable" }]);
  const [condition] = (await getJson<Pod>("pod", "also-low", "-n", ns)).status?.conditions ?? [];
  expect(condition?.message).toMatch(/^0\/\d+ nodes are available: \d+ Insufficient coracle.test\/dongle\. /);
  await kubectl("delete", "-n", ns, "pod/also-low");
  const last = await lastWords("low", () =>
    create(sleeper("high", { priorityClassName: important }, {}, asking)),
  );
  expect(last).toMatchObject(
    disruptedBy(
      "PreemptionByScheduler",
      "default-scheduler: preempting to accommodate a higher priority pod",
    ),
  );
  await ready("high");
  const high = await getJson<Pod>("pod", "high", "-n", ns);
  expect(high.spec).toMatchObject({
    priority: 1000,
    preemptionPolicy: "PreemptLowerPriority",
    nodeName: node,
  });
  expect(await names()).not.toContain("low");
});
