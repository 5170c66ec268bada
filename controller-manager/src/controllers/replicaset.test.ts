import { expect, test } from "vitest";
import type { ReplicaSet } from "@coracle/shared/api/generated/apps-v1.ts";
import { pods, replicaSets } from "@coracle/shared/api/resources.ts";
import { isPodActive } from "@coracle/shared/meta/pods.ts";
import { NAMESPACE, startHarness } from "../testing/harness.ts";
import { replicaSetController } from "./replicaset.ts";

const web = (replicas: number): ReplicaSet => ({
  metadata: { name: "web", namespace: NAMESPACE },
  spec: {
    replicas,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "c", image: "nginx" }] },
    },
  },
});

test("a ReplicaSet gets its pods, owned and labelled, and says so", async () => {
  await using h = await startHarness({ controllers: [replicaSetController()], kubelet: true });
  const made = await h.client.create(replicaSets, web(5));
  const ready = await h.eventually("five ready", async () => {
    const rs = await h.client.get(replicaSets, { name: "web", namespace: NAMESPACE });
    return rs.status?.readyReplicas === 5 && rs.status.availableReplicas === 5 && rs;
  });
  expect(ready.status).toMatchObject({ replicas: 5, fullyLabeledReplicas: 5, observedGeneration: 1 });
  const all = await h.list(pods);
  expect(all).toHaveLength(5);
  for (const pod of all) {
    expect(pod.metadata.generateName).toBe("web-");
    expect(pod.metadata.ownerReferences).toEqual([
      expect.objectContaining({
        kind: "ReplicaSet",
        uid: made.metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      }),
    ]);
  }
});

test("with caches far behind it still makes and keeps exactly as many pods as asked for", async () => {
  await using h = await startHarness({
    controllers: [replicaSetController()],
    kubelet: true,
    lagMs: () => Math.random() * 40,
  });
  await h.client.create(replicaSets, web(3));
  const seen: number[] = [];
  for (const replicas of [7, 2, 5]) {
    await h.client.patch(
      replicaSets,
      { name: "web", namespace: NAMESPACE },
      { type: "merge", body: { spec: { replicas } } },
    );
    await h.eventually(`${replicas} pods`, async () => {
      const active = (await h.list(pods)).filter(isPodActive).length;
      seen.push(active);
      return active === replicas;
    });
  }
  await h.eventually("the status agrees", async () => {
    const rs = await h.client.get(replicaSets, { name: "web", namespace: NAMESPACE });
    return rs.status?.replicas === 5 && rs.status.readyReplicas === 5;
  });
  expect(Math.max(...seen)).toBeLessThanOrEqual(7);
});

test("an orphan that matches is adopted, and a pod that no longer matches is released", async () => {
  await using h = await startHarness({ controllers: [replicaSetController()], kubelet: true });
  const orphan = { name: "stray", namespace: NAMESPACE, labels: { app: "web" } };
  await h.client.create(pods, { metadata: orphan, spec: { containers: [{ name: "c", image: "nginx" }] } });
  const rs = await h.client.create(replicaSets, web(1));
  const adopted = await h.eventually("adopted", async () => {
    const pod = await h.client.get(pods, { name: "stray", namespace: NAMESPACE });
    return pod.metadata.ownerReferences?.[0]?.uid === rs.metadata.uid && pod;
  });
  expect(adopted.metadata.ownerReferences?.[0]?.controller).toBe(true);
  await h.client.patch(
    pods,
    { name: "stray", namespace: NAMESPACE },
    { type: "merge", body: { metadata: { labels: { app: "other" } } } },
  );
  await h.eventually("released and replaced", async () => {
    const all = await h.list(pods);
    const stray = all.find((p) => p.metadata.name === "stray");
    return (stray?.metadata.ownerReferences ?? []).length === 0 && all.length === 2;
  });
});
