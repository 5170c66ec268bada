import { expect, test } from "vitest";
import type { StatefulSet } from "@coracle/shared/api/generated/apps-v1.ts";
import {
  controllerRevisions,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from "@coracle/shared/api/resources.ts";
import { isPodReady } from "@coracle/shared/meta/pods.ts";
import { NAMESPACE, startHarness, type Harness } from "../../testing/harness.ts";
import { statefulSetController } from "./statefulset.ts";

const at = { name: "db", namespace: NAMESPACE };
const db = (replicas: number, spec: object = {}): StatefulSet => ({
  metadata: at,
  spec: {
    replicas,
    serviceName: "db",
    selector: { matchLabels: { app: "db" } },
    template: { metadata: { labels: { app: "db" } }, spec: { containers: [{ name: "c", image: "db:1" }] } },
    ...spec,
  },
});
const start = (): Promise<Harness> =>
  startHarness({ controllers: [statefulSetController()], kubelet: true, lagMs: () => Math.random() * 5 });
const settled = (h: Harness, replicas: number): Promise<StatefulSet> =>
  h.eventually(`${replicas} ready and updated`, async () => {
    const s = await h.client.get(statefulSets, at);
    return (
      (s.status?.readyReplicas ?? 0) === replicas &&
      s.status?.replicas === replicas &&
      s.status.currentRevision === s.status.updateRevision &&
      s.status.observedGeneration === s.metadata.generation &&
      s
    );
  });

const volumeClaimTemplates = [
  {
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  },
];

test("pods come in order, each after the one before is ready, with names, host names and claims", async () => {
  await using h = await start();
  const order: string[] = [];
  h.ctx.informers.for(pods).on({
    add: (pod) => {
      order.push(pod.metadata.name ?? "");
      const ready = [...h.ctx.informers.for(pods).list()].filter(isPodReady).length;
      expect(ready).toBe(order.length - 1);
    },
  });
  const container = { name: "c", image: "db:1", volumeMounts: [{ name: "data", mountPath: "/data" }] };
  const template = { metadata: { labels: { app: "db" } }, spec: { containers: [container] } };
  await h.client.create(statefulSets, db(3, { volumeClaimTemplates, template }));
  await settled(h, 3);
  expect(order).toEqual(["db-0", "db-1", "db-2"]);
  const pod = await h.client.get(pods, { name: "db-1", namespace: NAMESPACE });
  expect(pod.spec).toMatchObject({ hostname: "db-1", subdomain: "db" });
  expect(pod.metadata.labels).toMatchObject({
    "statefulset.kubernetes.io/pod-name": "db-1",
    "apps.kubernetes.io/pod-index": "1",
  });
  expect(pod.spec?.volumes?.[0]?.persistentVolumeClaim?.claimName).toBe("data-db-1");
  const claims = (await h.list(persistentVolumeClaims)).map((c) => c.metadata.name);
  expect(claims.toSorted((a = "", b = "") => (a < b ? -1 : 1))).toEqual([
    "data-db-0",
    "data-db-1",
    "data-db-2",
  ]);
  expect(h.events).toContain("SuccessfulCreate create Pod db-0 in StatefulSet db successful");
});

test("a claim that vanished before its pod could start is made again", async () => {
  await using h = await startHarness({ controllers: [statefulSetController()] });
  await h.client.create(statefulSets, db(1, { volumeClaimTemplates }));
  const claim = { name: "data-db-0", namespace: NAMESPACE };
  const first = await h.eventually("a pod with a claim", async () => {
    const made = await h.list(pods);
    return made.length === 1 && (await h.client.get(persistentVolumeClaims, claim));
  });
  await h.client.delete(persistentVolumeClaims, claim);
  const body = { metadata: { annotations: { look: "again" } } };
  await h.eventually("the cache shows it", () =>
    Promise.resolve([...h.ctx.informers.for(persistentVolumeClaims).list()].length === 0),
  );
  await h.client.patch(statefulSets, at, { type: "merge", body });
  await h.eventually("another claim", async () => {
    const [second] = await h.list(persistentVolumeClaims);
    return second && second.metadata.uid !== first.metadata.uid;
  });
});

test("scaling down takes the highest first; claims stay", async () => {
  await using h = await start();
  await h.client.create(statefulSets, db(3, { podManagementPolicy: "Parallel" }));
  await settled(h, 3);
  await h.client.patch(statefulSets, at, { type: "merge", body: { spec: { replicas: 1 } } });
  await settled(h, 1);
  expect((await h.list(pods)).map((p) => p.metadata.name)).toEqual(["db-0"]);
});

test("an update replaces from the top, and stops at the partition", async () => {
  await using h = await start();
  await h.client.create(
    statefulSets,
    db(3, { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } }),
  );
  await settled(h, 3);
  const image = { spec: { template: { spec: { containers: [{ name: "c", image: "db:2" }] } } } };
  await h.client.patch(statefulSets, at, { type: "strategic", body: image });
  const images = async (): Promise<(string | undefined)[]> =>
    (await h.list(pods)).filter(isPodReady).map((p) => p.spec?.containers[0]?.image);
  await h.eventually("only the last is new", async () => (await images()).join() === "db:1,db:1,db:2");
  await h.client.patch(statefulSets, at, {
    type: "merge",
    body: { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } },
  });
  await settled(h, 3);
  expect(await images()).toEqual(["db:2", "db:2", "db:2"]);
});

test("ordinals may start elsewhere", async () => {
  await using h = await start();
  await h.client.create(statefulSets, db(2, { ordinals: { start: 5 } }));
  await settled(h, 2);
  expect((await h.list(pods)).map((p) => p.metadata.name)).toEqual(["db-5", "db-6"]);
});

test("a revision that nobody owns is adopted when it appears", async () => {
  await using h = await start();
  await h.client.create(statefulSets, db(1));
  await settled(h, 1);
  await h.client.create(controllerRevisions, {
    metadata: { name: "stray", namespace: NAMESPACE, labels: { app: "db" } },
    data: { spec: { template: {} } },
    revision: 1,
  });
  await h.eventually("its owner", async () => {
    const { metadata } = await h.client.get(controllerRevisions, { name: "stray", namespace: NAMESPACE });
    return metadata.ownerReferences?.some(({ name, controller }) => controller && name === "db");
  });
});
