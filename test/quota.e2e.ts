import type { ReplicaSet } from "@coracle/shared/api/generated/apps-v1.ts";
import type { Pod, ResourceQuota } from "@coracle/shared/api/generated/core-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { getJson, kubectl, kubectlWith, tryKubectlWith } from "./support/run.ts";

/** What a namespace may use: quotas, and the ranges that containers are held to. No pod here is ever placed on a node. */
const ns = useNamespace("quota");
const priorityClass = `quota-${ns}`;
const wait = { timeout: 20_000, interval: 100 };

interface Asked {
  readonly resources?: object;
  readonly spec?: object;
}
const pod = (name: string, { resources = {}, spec = {} }: Asked = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: ns },
  spec: { schedulerName: "nobody", containers: [{ name: "main", image: busybox, resources }], ...spec },
});
const create = (...objects: object[]): Promise<string> =>
  kubectlWith(JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }), "create", "-f", "-");
const refusal = async (object: object): Promise<string> =>
  (await tryKubectlWith(JSON.stringify(object), "create", "-f", "-")).stderr;
const quota = (name: string, spec: object): object => ({
  apiVersion: "v1",
  kind: "ResourceQuota",
  metadata: { name, namespace: ns },
  spec,
});
const statusOf = async (name: string) => (await getJson<ResourceQuota>("quota", name, "-n", ns)).status;
const used = async (name: string) => (await statusOf(name))?.used;
const eventuallyUsed = (name: string, amounts: Record<string, string>): Promise<void> =>
  expect.poll(() => used(name), wait).toMatchObject(amounts);

beforeAll(() => kubectl("create", "priorityclass", priorityClass, "--value=7"));
afterAll(() => kubectl("delete", "priorityclass", priorityClass, "--wait=false"));

test("a quota counts what is made before the answer, refuses what is too much, and takes back what is deleted", async () => {
  const hard = {
    pods: "2",
    "requests.cpu": "1",
    "requests.example.com/dongle": "3",
    services: "5",
    "services.nodeports": "1",
    "services.loadbalancers": "0",
    "count/deployments.apps": "1",
  };
  await create(quota("all", { hard }));
  const none = Object.fromEntries(Object.keys(hard).map((name) => [name, "0"]));
  await expect.poll(() => statusOf("all"), wait).toEqual({ hard, used: none });

  const resources = {
    requests: { cpu: "500m", "example.com/dongle": "2" },
    limits: { "example.com/dongle": "2" },
  };
  await create(pod("one", { resources }));
  expect(await used("all")).toMatchObject({
    pods: "1",
    "requests.cpu": "500m",
    "requests.example.com/dongle": "2",
  });
  expect(await refusal(pod("two", { resources }))).toContain(
    'pods "two" is forbidden: exceeded quota: all, requested: requests.example.com/dongle=2, used: requests.example.com/dongle=2, limited: requests.example.com/dongle=3',
  );
  expect(await refusal(pod("two"))).toContain("failed quota: all: must specify requests.cpu for: main");

  const service = (name: string, type: string): object => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: ns },
    spec: { type, ports: [{ port: 80 }] },
  });
  await create(service("port", "NodePort"));
  expect(await refusal(service("balanced", "LoadBalancer"))).toContain(
    "exceeded quota: all, requested: services.loadbalancers=1,services.nodeports=1, used: services.loadbalancers=0,services.nodeports=1, limited: services.loadbalancers=0,services.nodeports=1",
  );
  await kubectl("create", "deployment", "idle", `--image=${busybox}`, "--replicas=0", "-n", ns);
  expect(await used("all")).toMatchObject({ services: "1", "count/deployments.apps": "1" });

  await kubectl("delete", "-n", ns, "pod/one", "service/port", "deployment/idle");
  await eventuallyUsed("all", none);
});

test("a ReplicaSet that a quota holds back says so, until it is satisfied", async () => {
  const labels = { app: "held" };
  const set = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "held", namespace: ns },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          schedulerName: "nobody",
          containers: [{ name: "main", image: busybox, resources: { requests: { cpu: "1m" } } }],
        },
      },
    },
  };
  await create(set);
  const status = async () => (await getJson<ReplicaSet>("replicaset", "held", "-n", ns)).status;
  await expect.poll(status, wait).toMatchObject({
    replicas: 2,
    conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate" }],
  });
  expect((await status())?.conditions?.[0]?.message).toMatch(
    /is forbidden: exceeded quota: all, requested: pods=1, used: pods=2, limited: pods=2$/,
  );
  await kubectl("scale", "-n", ns, "replicaset/held", "--replicas=2");
  await expect.poll(async () => (await status())?.conditions, wait).toBeUndefined();
  await kubectl("delete", "-n", ns, "replicaset/held");
  await kubectl("delete", "-n", ns, "quota/all");
});

test("scopes choose the pods that a quota counts", async () => {
  const scoped = (name: string, scope: object): object => quota(name, { hard: { pods: "1" }, ...scope });
  await create(
    scoped("terminating", { scopes: ["Terminating"] }),
    scoped("lasting", { scopes: ["NotTerminating"] }),
    scoped("besteffort", { scopes: ["BestEffort"] }),
    scoped("others", { scopes: ["NotBestEffort"] }),
    scoped("important", {
      scopeSelector: {
        matchExpressions: [{ scopeName: "PriorityClass", operator: "In", values: [priorityClass] }],
      },
    }),
  );
  for (const name of ["terminating", "lasting", "besteffort", "others", "important"])
    await eventuallyUsed(name, { pods: "0" });
  const spec = { activeDeadlineSeconds: 3600, priorityClassName: priorityClass };
  await create(pod("short", { spec }), pod("long", { resources: { requests: { cpu: "1m" } } }));
  for (const name of ["terminating", "lasting", "besteffort", "others", "important"])
    expect(await used(name)).toEqual({ pods: "1" });
  expect(await refusal(pod("second", { spec: { priorityClassName: priorityClass } }))).toContain(
    "exceeded quota",
  );

  await kubectl("delete", "-n", ns, "--all", "pods,quota");
});

test("a limit range fills in what containers leave out, and bounds what they ask for", async () => {
  const range = {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: { name: "range", namespace: ns },
    spec: {
      limits: [
        {
          type: "Container",
          min: { cpu: "50m" },
          max: { cpu: "500m" },
          default: { cpu: "400m" },
          defaultRequest: { cpu: "100m" },
          maxLimitRequestRatio: { cpu: "5" },
        },
      ],
    },
  };
  await create(range);
  await create(pod("plain"), pod("limited", { resources: { limits: { cpu: "300m" } } }));
  const resources = async (name: string) =>
    (await getJson<Pod>("pod", name, "-n", ns)).spec?.containers[0]?.resources;
  expect(await resources("plain")).toEqual({ requests: { cpu: "100m" }, limits: { cpu: "400m" } });
  expect(await resources("limited")).toEqual({ requests: { cpu: "300m" }, limits: { cpu: "300m" } });
  expect(
    await refusal(pod("small", { resources: { requests: { cpu: "10m" }, limits: { cpu: "20m" } } })),
  ).toContain(
    "[minimum cpu usage per Container is 50m, but request is 10m, minimum cpu usage per Container is 50m, but limit is 20m]",
  );
  expect(
    await refusal(pod("wide", { resources: { requests: { cpu: "50m" }, limits: { cpu: "500m" } } })),
  ).toContain("cpu max limit to request ratio per Container is 5, but provided ratio is 10.000000");
});
