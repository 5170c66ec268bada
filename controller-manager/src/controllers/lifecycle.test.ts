import { expect, test } from "vitest";
import {
  configMaps,
  deployments,
  namespaces,
  pods,
  replicaSets,
  secrets,
  serviceAccounts,
} from "@coracle/shared/api/resources.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { NAMESPACE, startHarness } from "../testing/harness.ts";
import { deploymentController } from "./deployment/deployment.ts";
import { garbageCollector } from "./garbage-collector/garbage-collector.ts";
import { namespaceController } from "./namespace.ts";
import { replicaSetController } from "./replicaset.ts";
import { rootCaController } from "./root-ca.ts";
import { serviceAccountController } from "./serviceaccount.ts";
import { serviceAccountTokensController } from "./service-account-tokens.ts";

const container = { name: "c", image: "nginx" };
const gone = (get: Promise<unknown>): Promise<boolean> =>
  get.then(
    () => false,
    (error: unknown) => isNotFound(error),
  );

test("deleting an owner deletes what it owned, down to the pods", async () => {
  await using h = await startHarness({
    controllers: [deploymentController(), replicaSetController()],
    loops: [garbageCollector()],
    kubelet: true,
  });
  const at = { name: "web", namespace: NAMESPACE };
  await h.client.create(deployments, {
    metadata: at,
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [container] } },
    },
  });
  await h.eventually("two pods", async () => (await h.list(pods)).length === 2);
  await h.client.delete(deployments, at, { propagationPolicy: "Background" });
  await h.eventually("all gone", async () => {
    const left = [...(await h.list(pods)), ...(await h.list(replicaSets))];
    return left.length === 0;
  });
});

const owned = async (h: Awaited<ReturnType<typeof startHarness>>): Promise<void> => {
  const owner = await h.client.create(configMaps, { metadata: { name: "owner", namespace: NAMESPACE } });
  const reference = {
    apiVersion: "v1",
    kind: "ConfigMap",
    name: "owner",
    uid: owner.metadata.uid ?? "",
    blockOwnerDeletion: true,
  };
  await h.client.create(configMaps, {
    metadata: { name: "child", namespace: NAMESPACE, ownerReferences: [reference] },
  });
};
const cm = (name: string) => ({ name, namespace: NAMESPACE });

test("foreground deletion keeps the owner until its dependents are gone", async () => {
  await using h = await startHarness({ controllers: [], loops: [garbageCollector()] });
  await owned(h);
  await h.client.patch(configMaps, cm("child"), {
    type: "merge",
    body: { metadata: { finalizers: ["example.com/hold"] } },
  });
  await h.client.delete(configMaps, cm("owner"), { propagationPolicy: "Foreground" });
  await h.eventually("the child is going", async () => {
    const child = await h.client.get(configMaps, cm("child"));
    return child.metadata.deletionTimestamp;
  });
  expect((await h.client.get(configMaps, cm("owner"))).metadata.finalizers).toEqual(["foregroundDeletion"]);
  await h.client.patch(configMaps, cm("child"), { type: "merge", body: { metadata: { finalizers: [] } } });
  await h.eventually("both are gone", async () => {
    const both = await Promise.all([
      gone(h.client.get(configMaps, cm("owner"))),
      gone(h.client.get(configMaps, cm("child"))),
    ]);
    return both.every(Boolean);
  });
});

test("orphaning leaves dependents behind without their reference", async () => {
  await using h = await startHarness({ controllers: [], loops: [garbageCollector()] });
  await owned(h);
  await h.client.delete(configMaps, cm("owner"), { propagationPolicy: "Orphan" });
  await h.eventually("the owner is gone", () => gone(h.client.get(configMaps, cm("owner"))));
  expect((await h.client.get(configMaps, cm("child"))).metadata.ownerReferences ?? []).toEqual([]);
});

test("an object whose owner never existed goes, one with another living owner stays", async () => {
  await using h = await startHarness({ controllers: [], loops: [garbageCollector()] });
  await owned(h);
  const absent = { apiVersion: "v1", kind: "ConfigMap", name: "nobody", uid: "no-such-uid" };
  const child = await h.client.get(configMaps, cm("child"));
  const both = { ...cm("both"), ownerReferences: [absent, ...(child.metadata.ownerReferences ?? [])] };
  await h.client.create(configMaps, { metadata: both });
  await h.client.create(configMaps, { metadata: { ...cm("lone"), ownerReferences: [absent] } });
  await h.eventually("the lone one is gone", () => gone(h.client.get(configMaps, cm("lone"))));
  await h.eventually("only the dangling reference went", async () => {
    const refs = (await h.client.get(configMaps, cm("both"))).metadata.ownerReferences ?? [];
    return refs.length === 1 && refs[0]?.name === "owner";
  });
});

test("an owner in another namespace is none, and an owner nobody can look for is not absent", async () => {
  await using h = await startHarness({ controllers: [], loops: [garbageCollector()] });
  await h.client.create(namespaces, { metadata: { name: "other" } });
  const owner = await h.client.create(configMaps, { metadata: cm("owner") });
  const reference = { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.metadata.uid ?? "" };
  const stray = { name: "stray", namespace: "other" };
  const cluster = { name: "cluster-scoped", ownerReferences: [reference] };
  await h.client.create(namespaces, { metadata: cluster });
  await h.client.create(configMaps, { metadata: { ...stray, ownerReferences: [reference] } });
  await h.eventually("the stray is gone", () => gone(h.client.get(configMaps, stray)));
  expect(h.events).toContain(
    `OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: other, name: owner, uid: ${reference.uid}] does not exist in namespace "other"`,
  );
  await h.client.delete(configMaps, cm("owner"));
  await h.eventually("the owner is gone", () => gone(h.client.get(configMaps, cm("owner"))));
  const kept = await h.client.get(namespaces, { name: "cluster-scoped" });
  expect(kept.metadata.deletionTimestamp).toBeUndefined();
});

test("a wrong reference to an owner says nothing about the right ones", async () => {
  await using h = await startHarness({ controllers: [], loops: [garbageCollector()] });
  const owner = await h.client.create(configMaps, { metadata: cm("owner") });
  const reference = { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.metadata.uid ?? "" };
  const another = { ...reference, name: "no-such", uid: "11111111-2222-3333-4444-555555555555" };
  const create = (name: string, ...ownerReferences: (typeof reference)[]) =>
    h.client.create(configMaps, { metadata: { ...cm(name), ownerReferences } });
  await create("wrong", { ...reference, name: "misnamed" }, another);
  await h.eventually("the wrong one is gone", () => gone(h.client.get(configMaps, cm("wrong"))));
  // The owner that is missing makes sure that the other one is looked at.
  await create("right", reference, another);
  const kept = await h.eventually("only the right owner is left", async () => {
    const { metadata } = await h.client.get(configMaps, cm("right"));
    return metadata.ownerReferences?.length === 1 && metadata;
  });
  expect(kept.ownerReferences?.[0]?.uid).toBe(owner.metadata.uid);
});

test("a deleted namespace is emptied and goes; while content stays its conditions say what", async () => {
  await using h = await startHarness({ controllers: [namespaceController()] });
  await h.client.create(namespaces, { metadata: { name: "doomed" } });
  await h.client.create(configMaps, { metadata: { name: "plain", namespace: "doomed" } });
  await h.client.create(configMaps, {
    metadata: { name: "held", namespace: "doomed", finalizers: ["example.com/hold"] },
  });
  await h.client.delete(namespaces, { name: "doomed" });
  const waiting = await h.eventually("it says what remains", async () => {
    const ns = await h.client.get(namespaces, { name: "doomed" });
    return (
      ns.status?.conditions?.some((c) => c.type === "NamespaceFinalizersRemaining" && c.status === "True") &&
      ns
    );
  });
  const message = (type: string): string | undefined =>
    waiting.status?.conditions?.find((c) => c.type === type)?.message;
  expect(message("NamespaceContentRemaining")).toBe(
    "Some resources are remaining: configmaps. has 1 resource instances",
  );
  expect(message("NamespaceFinalizersRemaining")).toBe(
    "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
  );
  await h.client.patch(
    configMaps,
    { name: "held", namespace: "doomed" },
    { type: "merge", body: { metadata: { finalizers: [] } } },
  );
  await h.eventually("gone", () => gone(h.client.get(namespaces, { name: "doomed" })), 15_000);
});

test("a namespace gets its default account, the account a token, the namespace the root certificate", async () => {
  await using h = await startHarness({
    controllers: [
      serviceAccountController(),
      rootCaController("CERT"),
      serviceAccountTokensController({
        sign: (claims) => Promise.resolve(JSON.stringify(claims)),
        rootCa: "CERT",
      }),
    ],
  });
  const account = await h.eventually("a listed token", async () => {
    const sa = await h.client.get(serviceAccounts, { name: "default", namespace: NAMESPACE });
    return (sa.secrets ?? []).length > 0 && sa;
  });
  expect(account.secrets).toHaveLength(1);
  const all = (await h.list(secrets)).filter((s) => s.metadata.namespace === NAMESPACE);
  expect(all).toHaveLength(1);
  const decode = (text: string | undefined): string => Buffer.from(text ?? "", "base64").toString();
  expect(all[0]?.metadata.annotations?.["kubernetes.io/service-account.uid"]).toBe(account.metadata.uid);
  expect(decode(all[0]?.data?.["ca.crt"])).toBe("CERT");
  expect(JSON.parse(decode(all[0]?.data?.["token"]))).toMatchObject({
    sub: `system:serviceaccount:${NAMESPACE}:default`,
  });
  const root = await h.eventually("the root certificate", () =>
    h.client.get(configMaps, { name: "kube-root-ca.crt", namespace: NAMESPACE }),
  );
  expect(root.data).toEqual({ "ca.crt": "CERT" });
  await h.client.delete(configMaps, { name: "kube-root-ca.crt", namespace: NAMESPACE });
  await h.eventually("and again", () =>
    h.client.get(configMaps, { name: "kube-root-ca.crt", namespace: NAMESPACE }),
  );
});

test("a token Secret asked for by annotation is filled, and goes with its account", async () => {
  await using h = await startHarness({
    controllers: [serviceAccountTokensController({ sign: () => Promise.resolve("TOKEN"), rootCa: "CERT" })],
  });
  await h.client.create(serviceAccounts, { metadata: { name: "robot", namespace: NAMESPACE } });
  await h.client.create(secrets, {
    metadata: {
      name: "extra",
      namespace: NAMESPACE,
      annotations: { "kubernetes.io/service-account.name": "robot" },
    },
    type: "kubernetes.io/service-account-token",
  });
  const at = { name: "extra", namespace: NAMESPACE };
  await h.eventually("filled", async () => (await h.client.get(secrets, at)).data?.["token"] !== undefined);
  await h.client.delete(serviceAccounts, { name: "robot", namespace: NAMESPACE });
  await h.eventually("gone", () => gone(h.client.get(secrets, at)));
});
