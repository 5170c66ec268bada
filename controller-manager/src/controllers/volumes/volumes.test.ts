import { expect, test } from "vitest";
import type { PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import {
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from "@coracle/shared/api/resources.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { NAMESPACE, startHarness, type Harness } from "../../testing/harness.ts";
import { persistentVolumeBinder } from "./binder.ts";
import { volumeExpander } from "./expand.ts";
import { bestMatch } from "./match.ts";
import { claimProtectionController, volumeProtectionController } from "./protection.ts";
import { localProvisioner } from "./provisioner.ts";
import { volumeReclaimer } from "./reclaimer.ts";

const at = { name: "data", namespace: NAMESPACE };
const claim = (spec: object = {}): PersistentVolumeClaim => ({
  metadata: { ...at, finalizers: ["kubernetes.io/pvc-protection"] },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec },
});
const gone = (get: Promise<unknown>): Promise<boolean> =>
  get.then(
    () => false,
    (error: unknown) => isNotFound(error),
  );
const start = (): Promise<Harness> =>
  startHarness({
    controllers: [
      persistentVolumeBinder(),
      localProvisioner(),
      volumeReclaimer("coracle/coracle:dev"),
      volumeExpander(),
      claimProtectionController(),
      volumeProtectionController(),
    ],
  });
const addClass = (h: Harness): Promise<unknown> =>
  h.client.create(storageClasses, {
    metadata: { name: "standard" },
    provisioner: "coracle.io/local",
    reclaimPolicy: "Delete",
    volumeBindingMode: "WaitForFirstConsumer",
    allowVolumeExpansion: true,
  });
const bound = (h: Harness): Promise<PersistentVolumeClaim> =>
  h.eventually("bound", async () => {
    const c = await h.client.get(persistentVolumeClaims, at);
    return c.status?.phase === "Bound" && c;
  });

test("a claim waits for its pod's node, gets a volume there, and takes it along when it goes", async () => {
  await using h = await start();
  await addClass(h);
  await h.client.create(nodes, { metadata: { name: "n1", labels: { "kubernetes.io/hostname": "n1" } } });
  await h.client.create(persistentVolumeClaims, claim({ storageClassName: "standard" }));
  await h.eventually("it waits", () =>
    Promise.resolve(h.events.some((e) => e.startsWith("WaitForFirstConsumer waiting for first consumer"))),
  );
  const annotations = { "volume.kubernetes.io/selected-node": "n1" };
  await h.client.patch(persistentVolumeClaims, at, { type: "merge", body: { metadata: { annotations } } });
  const c = await bound(h);
  expect(c.status?.capacity).toEqual({ storage: "1Gi" });
  const name = c.spec?.volumeName ?? "";
  const volume = await h.client.get(persistentVolumes, { name });
  expect(name).toBe(`pvc-${c.metadata.uid}`);
  expect(volume.spec?.hostPath?.path).toBe(`/var/lib/coracle/volumes/${name}`);
  expect(volume.spec?.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values).toEqual([
    "n1",
  ]);
  expect(volume.status?.phase).toBe("Bound");

  await h.client.patch(persistentVolumeClaims, at, {
    type: "merge",
    body: { spec: { resources: { requests: { storage: "2Gi" } } } },
  });
  await h.eventually("grown", async () => {
    const grown = await h.client.get(persistentVolumeClaims, at);
    return grown.status?.capacity?.["storage"] === "2Gi";
  });

  // Somebody deletes the volume too early: its data goes all the same.
  await h.client.delete(persistentVolumes, { name });
  await h.client.delete(persistentVolumeClaims, at);
  const cleaner = { name: `clean-${name}`, namespace: "kube-system" };
  const pod = await h.eventually("a cleaner", () => h.client.get(pods, cleaner));
  expect(pod.spec?.nodeName).toBe("n1");
  await h.client.patch(
    pods,
    cleaner,
    { type: "merge", body: { status: { phase: "Succeeded" } } },
    { subresource: "status" },
  );
  await h.eventually("the volume is gone", () => gone(h.client.get(persistentVolumes, { name })));
  await h.eventually("the cleaner, too", () => gone(h.client.get(pods, cleaner)));
});

test("a claim in use is not deleted", async () => {
  await using h = await start();
  await h.client.create(persistentVolumeClaims, claim());
  await h.client.create(pods, {
    metadata: { name: "user", namespace: NAMESPACE },
    spec: {
      nodeName: "n1",
      containers: [{ name: "c", image: "nginx" }],
      volumes: [{ name: "d", persistentVolumeClaim: { claimName: "data" } }],
    },
  });
  await h.client.delete(persistentVolumeClaims, at);
  await new Promise((resolve) => {
    setTimeout(resolve, 150);
  });
  expect((await h.client.get(persistentVolumeClaims, at)).metadata.deletionTimestamp).toBeDefined();
  await h.client.delete(pods, { name: "user", namespace: NAMESPACE }, { gracePeriodSeconds: 0 });
  await h.eventually("gone", () => gone(h.client.get(persistentVolumeClaims, at)));
});

test("a volume made by hand is bound; a retained one is only released", async () => {
  await using h = await start();
  await h.client.create(persistentVolumes, {
    metadata: { name: "disk" },
    spec: {
      capacity: { storage: "5Gi" },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      hostPath: { path: "/data" },
    },
  });
  await h.eventually("available", async () => {
    const v = await h.client.get(persistentVolumes, { name: "disk" });
    return v.status?.phase === "Available";
  });
  await h.client.create(persistentVolumeClaims, claim({ storageClassName: "" }));
  expect((await bound(h)).spec?.volumeName).toBe("disk");
  await h.client.delete(persistentVolumeClaims, at);
  await h.eventually("released", async () => {
    const v = await h.client.get(persistentVolumes, { name: "disk" });
    return v.status?.phase === "Released";
  });
});

test("a volume deleted while in use goes when its claim has gone", async () => {
  await using h = await start();
  const disk = { name: "disk" };
  await h.client.create(persistentVolumes, {
    metadata: { ...disk, finalizers: ["kubernetes.io/pv-protection"] },
    spec: {
      capacity: { storage: "5Gi" },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      hostPath: { path: "/data" },
    },
  });
  await h.client.create(persistentVolumeClaims, claim({ storageClassName: "" }));
  await bound(h);
  await h.client.delete(persistentVolumes, disk);
  expect((await h.client.get(persistentVolumes, disk)).status?.phase).toBe("Bound");
  await h.client.delete(persistentVolumeClaims, at);
  await h.eventually("gone", () => gone(h.client.get(persistentVolumes, disk)));
});

test("nobody can delete what an administrator's volume holds: it is failed, and says so once", async () => {
  await using h = await start();
  await h.client.create(persistentVolumes, {
    metadata: { name: "disk" },
    spec: {
      capacity: { storage: "5Gi" },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Delete",
      hostPath: { path: "/data" },
    },
  });
  await h.client.create(persistentVolumeClaims, claim({ storageClassName: "" }));
  await bound(h);
  await h.client.delete(persistentVolumeClaims, at);
  const failed = await h.eventually("failed", async () => {
    const v = await h.client.get(persistentVolumes, { name: "disk" });
    return v.status?.phase === "Failed" && v;
  });
  expect(failed.status?.message).toMatch(/no deletable volume plugin matched$/);
  expect(h.events.filter((e) => e.startsWith("VolumeFailedDelete"))).toHaveLength(1);
});

test.each([
  [{ volumeMode: "Block" }, "block volumes are not supported"],
  [
    { dataSource: { kind: "PersistentVolumeClaim", name: "x" } },
    "cannot be made from the PersistentVolumeClaim",
  ],
  [{ volumeAttributesClassName: "gold" }, 'the VolumeAttributesClass "gold" is not supported'],
])("a claim that asks for more than a directory is told: %j", async (spec, why) => {
  await using h = await start();
  await addClass(h);
  await h.client.create(nodes, { metadata: { name: "n1", labels: { "kubernetes.io/hostname": "n1" } } });
  const wanted = claim({ storageClassName: "standard", ...spec });
  wanted.metadata.annotations = { "volume.kubernetes.io/selected-node": "n1" };
  await h.client.create(persistentVolumeClaims, wanted);
  await h.eventually("it is told", () =>
    Promise.resolve(h.events.some((e) => e.startsWith("ProvisioningFailed") && e.includes(why))),
  );
});

test("the smallest free volume that suits is chosen", () => {
  const volume = (name: string, storage: string, claimed = false) => ({
    metadata: { name },
    spec: {
      capacity: { storage },
      accessModes: ["ReadWriteOnce"],
      ...(claimed ? { claimRef: { name: "other", namespace: NAMESPACE, uid: "x" } } : {}),
    },
    status: { phase: "Available" },
  });
  const all = [
    volume("big", "10Gi"),
    volume("small", "500Mi"),
    volume("taken", "1Gi", true),
    volume("fit", "2Gi"),
  ];
  expect(bestMatch(claim(), all)?.metadata.name).toBe("fit");
});

test("a claim that left its class open gets the default when there is one; one that wants none does not", async () => {
  await using h = await start();
  await h.client.create(persistentVolumeClaims, claim());
  const none = { name: "none", namespace: NAMESPACE };
  await h.client.create(persistentVolumeClaims, { ...claim({ storageClassName: "" }), metadata: none });
  await h.eventually("both find nothing", () =>
    Promise.resolve(h.events.filter((e) => e.startsWith("FailedBinding no persistent volumes")).length >= 2),
  );
  await addClass(h);
  await h.client.patch(
    storageClasses,
    { name: "standard" },
    {
      type: "merge",
      body: { metadata: { annotations: { "storageclass.kubernetes.io/is-default-class": "true" } } },
    },
  );
  const classOf = async (which: typeof at): Promise<string | undefined> =>
    (await h.client.get(persistentVolumeClaims, which)).spec?.storageClassName;
  await h.eventually("it has the class", async () => (await classOf(at)) === "standard");
  expect(await classOf(none)).toBe("");
});
