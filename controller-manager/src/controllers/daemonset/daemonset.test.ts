import fc from "fast-check";
import { expect, test } from "vitest";
import type { DaemonSet } from "@coracle/shared/api/generated/apps-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { controllerRevisions, daemonSets, nodes, pods } from "@coracle/shared/api/resources.ts";
import { isPodAvailable } from "@coracle/shared/meta/pods.ts";
import { NAMESPACE, startHarness, type Harness } from "../../testing/harness.ts";
import { daemonSetController } from "./daemonset.ts";
import { targetNode } from "./placement.ts";
import { bounds, rollingChanges } from "./rolling.ts";

const at = { name: "agent", namespace: NAMESPACE };
const agent = (spec: object = {}): DaemonSet => ({
  metadata: at,
  spec: {
    selector: { matchLabels: { app: "agent" } },
    template: {
      metadata: { labels: { app: "agent" } },
      spec: { containers: [{ name: "c", image: "agent:1" }] },
    },
    ...spec,
  },
});
const start = async (count: number): Promise<Harness> => {
  const h = await startHarness({
    controllers: [daemonSetController()],
    kubelet: true,
    lagMs: () => Math.random() * 4,
  });
  for (let i = 0; i < count; i++)
    await h.client.create(nodes, { metadata: { name: `n${i}`, labels: { disk: i === 0 ? "ssd" : "hdd" } } });
  return h;
};
const settled = (h: Harness, count: number): Promise<DaemonSet> =>
  h.eventually(`${count} available`, async () => {
    const ds = await h.client.get(daemonSets, at);
    return (
      ds.status?.desiredNumberScheduled === count &&
      (ds.status.numberAvailable ?? 0) === count &&
      (ds.status.updatedNumberScheduled ?? 0) === count &&
      ds.status.observedGeneration === ds.metadata.generation &&
      ds
    );
  });

test("one pod on every node, also on those that come later, with the daemons' tolerations", async () => {
  await using h = await start(2);
  await h.client.create(daemonSets, agent());
  await settled(h, 2);
  await h.client.create(nodes, {
    metadata: { name: "late" },
    spec: { taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoExecute" }] },
  });
  await settled(h, 3);
  const all = await h.list(pods);
  expect(new Set(all.map(targetNode))).toEqual(new Set(["n0", "n1", "late"]));
  expect(all[0]?.spec?.tolerations?.map((t) => t.key)).toContain("node.kubernetes.io/disk-pressure");
  await h.client.patch(
    nodes,
    { name: "n1" },
    { type: "merge", body: { spec: { taints: [{ key: "gone", effect: "NoExecute" }] } } },
  );
  await h.eventually("its pod goes", async () => (await h.list(pods)).every((p) => targetNode(p) !== "n1"));
});

test("only nodes that the selector allows", async () => {
  await using h = await start(3);
  const template = agent().spec?.template;
  const spec = { ...template?.spec, nodeSelector: { disk: "ssd" } };
  await h.client.create(daemonSets, agent({ template: { ...template, spec } }));
  await settled(h, 1);
  expect((await h.list(pods)).map(targetNode)).toEqual(["n0"]);
});

test("a new template replaces the pods and leaves a revision behind", async () => {
  await using h = await start(3);
  await h.client.create(daemonSets, agent());
  await settled(h, 3);
  const image = { spec: { template: { spec: { containers: [{ name: "c", image: "agent:2" }] } } } };
  await h.client.patch(daemonSets, at, { type: "strategic", body: image });
  await settled(h, 3);
  expect((await h.list(pods)).map((p) => p.spec?.containers[0]?.image)).toEqual([
    "agent:2",
    "agent:2",
    "agent:2",
  ]);
  const revisions = await h.list(controllerRevisions);
  expect(revisions.map((r) => r.revision).toSorted((a, b) => a - b)).toEqual([1, 2]);
});

const someDaemon = fc.record({
  hash: fc.constantFrom("old", "new"),
  ready: fc.boolean(),
  going: fc.boolean(),
});
const daemon = (d: { hash: string; ready: boolean; going: boolean }): Pod => ({
  metadata: {
    labels: { "controller-revision-hash": d.hash },
    ...(d.going ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
  },
  status: { conditions: [{ type: "Ready", status: d.ready ? "True" : "False" }] },
});

test("replacing never takes more available pods away than may be unavailable", () => {
  const amount = fc.oneof(
    fc.nat(5),
    fc.nat(100).map((n) => `${n}%`),
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(someDaemon, { maxLength: 2 }), { minLength: 1, maxLength: 12 }),
      amount,
      (nodesOf, max) => {
        const ds = agent({
          updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: max, maxSurge: 0 } },
        });
        const view = new Map(nodesOf.map((list, i) => [`n${i}`, list.map(daemon)]));
        const desired = view.size;
        const { remove } = rollingChanges({ ds, desired, pods: view, hash: "new", now: 0 });
        const usable = (p: Pod): boolean => isPodAvailable(p, 0, 0) && !p.metadata.deletionTimestamp;
        const before = [...view.values()].filter((list) => list.some(usable)).length;
        const after = [...view.values()].filter((list) =>
          list.some((p) => usable(p) && !remove.includes(p)),
        ).length;
        const least = desired - bounds(ds, desired).maxUnavailable;
        expect(after).toBeGreaterThanOrEqual(Math.min(before, least));
      },
    ),
  );
});

test("a second revision of the same template takes the first one's pods over as they are", async () => {
  await using h = await start(2);
  await h.client.create(daemonSets, agent());
  await settled(h, 2);
  const uids = async (): Promise<Set<string | undefined>> =>
    new Set((await h.list(pods)).map((p) => p.metadata.uid));
  const before = await uids();
  const first = (await h.list(controllerRevisions))[0];
  const { ownerReferences, labels } = first?.metadata ?? {};
  await h.client.create(controllerRevisions, {
    metadata: {
      name: "agent-again",
      namespace: NAMESPACE,
      ...(ownerReferences ? { ownerReferences } : {}),
      labels: { ...labels, "controller-revision-hash": "again" },
    },
    ...(first?.data ? { data: first.data } : {}),
    revision: 2,
  });
  await h.client.patch(daemonSets, at, {
    type: "merge",
    body: { metadata: { annotations: { look: "now" } } },
  });
  await h.eventually("one revision", async () => (await h.list(controllerRevisions)).length === 1);
  await settled(h, 2);
  expect(await uids()).toEqual(before);
  expect((await h.list(pods)).map((p) => p.metadata.labels?.["controller-revision-hash"])).toEqual([
    "again",
    "again",
  ]);
});

test("a revision that nobody owns is adopted when it appears", async () => {
  await using h = await start(1);
  await h.client.create(daemonSets, agent());
  await settled(h, 1);
  const labels = agent().spec?.selector.matchLabels ?? {};
  await h.client.create(controllerRevisions, {
    metadata: { name: "stray", namespace: NAMESPACE, labels },
    data: { spec: { template: {} } },
    revision: 1,
  });
  await h.eventually("its owner", async () =>
    (await h.list(controllerRevisions)).some(
      ({ metadata: { name, ownerReferences } }) =>
        name === "stray" && ownerReferences?.some((owner) => owner.controller),
    ),
  );
});
