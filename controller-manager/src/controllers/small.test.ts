import { expect, test } from "vitest";
import {
  clusterRoles,
  endpoints,
  endpointSlices,
  jobs,
  pods,
  resourceQuotas,
  secrets,
  services,
} from "@coracle/shared/api/resources.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { NAMESPACE, startHarness } from "../testing/harness.ts";
import { contains, parseManifests, substitute } from "./addons/manifests.ts";
import { bootstrapTokenCleanerController } from "./bootstrap-token-cleaner.ts";
import { clusterRoleAggregationController } from "./clusterrole-aggregation.ts";
import { endpointSliceMirroringController } from "./endpointslicemirroring/endpointslicemirroring.ts";
import { formatIndexes, parseIndexes } from "./job/indexes.ts";
import { resourceQuotaController } from "./resourcequota/resourcequota.ts";
import { expiresAt } from "./ttl-after-finished.ts";

const at = (name: string) => ({ name, namespace: NAMESPACE });

test("aggregated roles have the rules of the roles they select, and follow them", async () => {
  await using h = await startHarness({ controllers: [clusterRoleAggregationController()] });
  const rule = (resource: string) => ({ verbs: ["get"], apiGroups: [""], resources: [resource] });
  const clusterRoleSelectors = [{ matchLabels: { view: "true" } }];
  await h.client.create(clusterRoles, {
    metadata: { name: "all" },
    aggregationRule: { clusterRoleSelectors },
    rules: [],
  });
  await h.client.create(clusterRoles, {
    metadata: { name: "b", labels: { view: "true" } },
    rules: [rule("pods")],
  });
  await h.client.create(clusterRoles, {
    metadata: { name: "a", labels: { view: "true" } },
    rules: [rule("nodes"), rule("pods")],
  });
  const rules = (): Promise<string[]> =>
    h.client
      .get(clusterRoles, { name: "all" })
      .then((r) => (r.rules ?? []).flatMap((x) => x.resources ?? []));
  await h.eventually("aggregated", async () => (await rules()).join() === "nodes,pods");
  await h.client.delete(clusterRoles, { name: "a" });
  await h.eventually("one less", async () => (await rules()).join() === "pods");
});

test("a quota shows what is used, and less when something ends", async () => {
  await using h = await startHarness({ controllers: [resourceQuotaController()] });
  const hard = {
    pods: "10",
    "requests.cpu": "2",
    "limits.memory": "1Gi",
    services: "5",
    "count/jobs.batch": "3",
  };
  await h.client.create(resourceQuotas, { metadata: at("q"), spec: { hard } });
  const resources = { requests: { cpu: "250m" }, limits: { cpu: "250m", memory: "64Mi" } };
  const pod = (name: string) => ({
    metadata: at(name),
    spec: { containers: [{ name: "c", image: "i", resources }] },
  });
  await h.client.create(pods, pod("a"));
  await h.client.create(pods, pod("b"));
  const used = async () => (await h.client.get(resourceQuotas, at("q"))).status?.used;
  await h.eventually("two pods", async () => (await used())?.["pods"] === "2");
  expect(await used()).toEqual({
    pods: "2",
    "requests.cpu": "500m",
    "limits.memory": "128Mi",
    services: "0",
    "count/jobs.batch": "0",
  });
  await h.client.patch(
    pods,
    at("a"),
    { type: "merge", body: { status: { phase: "Succeeded" } } },
    { subresource: "status" },
  );
  await h.eventually("one pod", async () => (await used())?.["pods"] === "1");
  const template = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i", resources }] } };
  await h.client.create(jobs, { metadata: at("j"), spec: { suspend: true, template } });
  await h.eventually("a job", async () => (await used())?.["count/jobs.batch"] === "1");
  await h.client.delete(jobs, at("j"), { propagationPolicy: "Background" });
  await h.eventually("no job", async () => (await used())?.["count/jobs.batch"] === "0");
});

test("Endpoints kept by hand are mirrored, and the mirror goes with them", async () => {
  await using h = await startHarness({ controllers: [endpointSliceMirroringController()] });
  await h.client.create(services, { metadata: at("ext"), spec: { ports: [{ port: 80 }] } });
  await h.client.create(endpoints, {
    metadata: at("ext"),
    subsets: [{ addresses: [{ ip: "192.0.2.1" }, { ip: "192.0.2.2" }], ports: [{ port: 80 }] }],
  });
  const [slice] = await h.eventually("a mirror", async () => {
    const all = await h.list(endpointSlices);
    return all.length === 1 && all;
  });
  expect(slice?.endpoints?.map((e) => e.addresses[0])).toEqual(["192.0.2.1", "192.0.2.2"]);
  expect(slice?.metadata.labels?.["endpointslice.kubernetes.io/managed-by"]).toBe(
    "endpointslicemirroring-controller.k8s.io",
  );
  await h.client.patch(endpoints, at("ext"), {
    type: "merge",
    body: { metadata: { annotations: { "example.com/note": "1" } } },
  });
  await h.eventually("the annotation", async () => {
    const [mirror] = await h.list(endpointSlices);
    return mirror?.metadata.annotations?.["example.com/note"] === "1";
  });
  await h.client.delete(endpoints, at("ext"));
  await h.eventually("no mirror", async () => (await h.list(endpointSlices)).length === 0);
});

test("an expired bootstrap token goes", async () => {
  await using h = await startHarness({ controllers: [bootstrapTokenCleanerController()] });
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const token = (id: string, ms: number) => ({
    metadata: { name: `bootstrap-token-${id}`, namespace: "kube-system" },
    type: "bootstrap.kubernetes.io/token",
    data: {
      "token-id": encode(id),
      "token-secret": encode("0123456789abcdef"),
      expiration: encode(new Date(Date.now() + ms).toISOString()),
    },
  });
  await h.client.create(secrets, token("aaaaaa", 200));
  await h.client.create(secrets, token("bbbbbb", 60_000));
  const get = (id: string) =>
    h.client.get(secrets, { name: `bootstrap-token-${id}`, namespace: "kube-system" });
  await h.eventually("gone", () =>
    get("aaaaaa").then(
      () => false,
      (error: unknown) => isNotFound(error),
    ),
  );
  expect((await get("bbbbbb")).metadata.name).toBe("bootstrap-token-bbbbbb");
});

test("a finished Job expires after its time to live", () => {
  const time = "2026-11-23T12:00:00Z";
  const job = {
    ...({ metadata: { name: "j" } } as const),
    spec: { ttlSecondsAfterFinished: 10, template: {} },
    status: { conditions: [{ type: "Complete", status: "True", lastTransitionTime: time }] },
  };
  expect(expiresAt(job)).toBe(Date.parse(time) + 10_000);
  expect(expiresAt({ ...job, status: {} })).toBeUndefined();
  expect(jobs.plural).toBe("jobs");
});

test("indexes as text and back", () => {
  expect(formatIndexes(new Set([7, 1, 3, 4, 5, 9, 8]))).toBe("1,3-5,7-9");
  expect(formatIndexes(new Set([1, 2]))).toBe("1,2");
  expect([...parseIndexes("1,3-5,9", 5)]).toEqual([1, 3, 4]);
});

test("manifests are filled in, and compared by what they say", () => {
  const text = substitute("image: ${IMAGE}\n", { IMAGE: "x:1" });
  expect(text).toBe("image: x:1\n");
  expect(() => substitute("${NOPE}", {})).toThrow("${NOPE}");
  expect(parseManifests("apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n")).toHaveLength(1);
  expect(contains({ a: 1, b: { c: [1, 2] } }, { b: { c: [1, 2] } })).toBe(true);
  expect(contains({ b: { c: [1, 2] } }, { b: { c: [1] } })).toBe(false);
});
