import { expect, test } from "vitest";
import type { Deployment } from "@coracle/shared/api/generated/apps-v1.ts";
import { deployments, pods, replicaSets } from "@coracle/shared/api/resources.ts";
import { isPodActive, isPodReady } from "@coracle/shared/meta/pods.ts";
import { NAMESPACE, startHarness, type Harness } from "../../testing/harness.ts";
import { replicaSetController } from "../replicaset.ts";
import { deploymentController } from "./deployment.ts";

const at = { name: "web", namespace: NAMESPACE };
const web = (replicas: number, image = "nginx:1", spec: object = {}): Deployment => ({
  metadata: at,
  spec: {
    replicas,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image }] } },
    ...spec,
  },
});
const start = (lagMs?: () => number): Promise<Harness> =>
  startHarness({
    controllers: [replicaSetController(), deploymentController()],
    kubelet: true,
    ...(lagMs ? { lagMs } : {}),
  });
const complete = (h: Harness, replicas: number, revision: string): Promise<Deployment> =>
  h.eventually(
    `revision ${revision} complete`,
    async () => {
      const d = await h.client.get(deployments, at);
      return (
        d.status?.updatedReplicas === replicas &&
        d.status.replicas === replicas &&
        d.status.availableReplicas === replicas &&
        d.status.observedGeneration === d.metadata.generation &&
        d.metadata.annotations?.["deployment.kubernetes.io/revision"] === revision &&
        d
      );
    },
    20_000,
  );
const setImage = (h: Harness, image: string): Promise<Deployment> =>
  h.client.patch(deployments, at, {
    type: "strategic",
    body: { spec: { template: { spec: { containers: [{ name: "c", image }] } } } },
  });

test("a new Deployment makes one ReplicaSet and reports progress as upstream does", async () => {
  await using h = await start();
  await h.client.create(deployments, web(3));
  const d = await complete(h, 3, "1");
  const sets = await h.list(replicaSets);
  expect(sets).toHaveLength(1);
  const hash = sets[0]?.metadata.labels?.["pod-template-hash"];
  expect(sets[0]?.metadata.name).toBe(`web-${hash}`);
  expect(sets[0]?.metadata.annotations).toMatchObject({
    "deployment.kubernetes.io/desired-replicas": "3",
    "deployment.kubernetes.io/max-replicas": "4",
    "deployment.kubernetes.io/revision": "1",
  });
  const progressing = await h.eventually("the new ReplicaSet is available", async () => {
    const c = (await h.client.get(deployments, at)).status?.conditions?.find((x) => x.type === "Progressing");
    return c?.reason === "NewReplicaSetAvailable" && c;
  });
  expect(progressing.message).toBe(`ReplicaSet "web-${hash}" has successfully progressed.`);
  expect(d.status?.conditions?.find((c) => c.type === "Available")?.status).toBe("True");
  expect(h.events).toContain(`ScalingReplicaSet Scaled up replica set web-${hash} from 0 to 3`);
});

test("what the controller notes is no new generation; a longer delay reaches the ReplicaSet", async () => {
  await using h = await start();
  await h.client.create(deployments, web(1));
  expect((await complete(h, 1, "1")).metadata.generation).toBe(1);
  await h.client.patch(deployments, at, { type: "merge", body: { spec: { minReadySeconds: 1 } } });
  await h.eventually("the ReplicaSet has it", async () => {
    const [set] = await h.list(replicaSets);
    return set?.spec?.minReadySeconds === 1;
  });
  expect((await h.client.get(deployments, at)).metadata.generation).toBe(2);
});

test("a rolling update never has fewer ready or more pods than allowed, also with stale caches", async () => {
  await using h = await start(() => Math.random() * 10);
  const rolling = { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } };
  await h.client.create(deployments, web(6, "nginx:1", rolling));
  await complete(h, 6, "1");
  let least = Infinity;
  let most = 0;
  const look = async (): Promise<void> => {
    const all = (await h.list(pods)).filter(isPodActive);
    least = Math.min(least, all.filter(isPodReady).length);
    most = Math.max(most, all.length);
  };
  const watch = setInterval(() => {
    void look();
  }, 5);
  await setImage(h, "nginx:2");
  await complete(h, 6, "2");
  clearInterval(watch);
  expect(least).toBeGreaterThanOrEqual(5);
  expect(most).toBeLessThanOrEqual(7);
  const all = (await h.list(pods)).filter(isPodActive);
  expect(new Set(all.map((p) => p.spec?.containers[0]?.image))).toEqual(new Set(["nginx:2"]));
});

test("going back to an earlier template reuses its ReplicaSet under a new revision", async () => {
  await using h = await start();
  await h.client.create(deployments, web(2));
  await complete(h, 2, "1");
  await setImage(h, "nginx:2");
  await complete(h, 2, "2");
  await setImage(h, "nginx:1");
  await complete(h, 2, "3");
  const sets = await h.list(replicaSets);
  expect(sets).toHaveLength(2);
  const current = sets.find((rs) => rs.spec?.replicas === 2);
  expect(current?.metadata.annotations).toMatchObject({
    "deployment.kubernetes.io/revision": "3",
    "deployment.kubernetes.io/revision-history": "1",
  });
});

test("a revision may be any 64-bit number, as an adopted ReplicaSet's is", async () => {
  await using h = await start();
  const labels = { app: "web", pod: "older" };
  await h.client.create(replicaSets, {
    metadata: {
      name: "older",
      namespace: NAMESPACE,
      labels,
      annotations: { "deployment.kubernetes.io/revision": "3546343826724305832" },
    },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "nginx:0" }] } },
    },
  });
  await h.client.create(deployments, web(1));
  await complete(h, 1, "3546343826724305833");
});

test("old ReplicaSets beyond the history limit go", async () => {
  await using h = await start();
  await h.client.create(deployments, web(1, "nginx:0", { revisionHistoryLimit: 1 }));
  for (let i = 1; i <= 3; i++) {
    await complete(h, 1, String(i));
    await setImage(h, `nginx:${i}`);
  }
  await complete(h, 1, "4");
  await h.eventually("two are left", async () => (await h.list(replicaSets)).length === 2);
});

test("Recreate has no old pod left when the first new one comes", async () => {
  await using h = await start();
  await h.client.create(deployments, web(3, "nginx:1", { strategy: { type: "Recreate" } }));
  await complete(h, 3, "1");
  const mixed: number[] = [];
  h.ctx.informers.for(pods).on({
    add: (pod) => {
      if (pod.spec?.containers[0]?.image !== "nginx:2") return;
      const all = [...h.ctx.informers.for(pods).list()];
      mixed.push(all.filter((p) => p.spec?.containers[0]?.image === "nginx:1").length);
    },
  });
  await setImage(h, "nginx:2");
  await complete(h, 3, "2");
  expect(Math.max(...mixed)).toBe(0);
});

test("a paused Deployment scales but does not roll, and resumes", async () => {
  await using h = await start();
  await h.client.create(deployments, web(2));
  await complete(h, 2, "1");
  await h.client.patch(deployments, at, { type: "merge", body: { spec: { paused: true } } });
  await setImage(h, "nginx:2");
  await h.client.patch(deployments, at, { type: "merge", body: { spec: { replicas: 4 } } });
  await h.eventually("scaled to four old pods", async () => (await h.list(pods)).length === 4);
  expect(await h.list(replicaSets)).toHaveLength(1);
  const d = await h.client.get(deployments, at);
  expect(d.status?.conditions?.find((c) => c.type === "Progressing")?.reason).toBe("DeploymentPaused");
  await h.client.patch(deployments, at, { type: "merge", body: { spec: { paused: false } } });
  await complete(h, 4, "2");
});
