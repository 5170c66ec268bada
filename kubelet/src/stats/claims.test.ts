import { mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { register } from "prom-client";
import { expect, onTestFinished, test } from "vitest";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { addVolumeMetrics, claimVolumes } from "./claims.ts";
import { testContainer, testHost } from "./fixtures.ts";

const pod: Pod = {
  metadata: { name: "web", namespace: "shop", uid: "uid-web" },
  spec: {
    containers: [
      { name: "part", volumeMounts: [{ name: "data", mountPath: "/part", subPath: "x" }] },
      {
        name: "app",
        volumeMounts: [
          { name: "data", mountPath: "/data" },
          { name: "own", mountPath: "/own" },
          { name: "tmp", mountPath: "/tmp" },
        ],
      },
    ],
    volumes: [
      { name: "data", persistentVolumeClaim: { claimName: "orders" } },
      { name: "own", ephemeral: {} },
      { name: "tmp", emptyDir: {} },
      { name: "unused", persistentVolumeClaim: { claimName: "other" } },
    ],
  },
};

const fs = { availableBytes: 6, capacityBytes: 10, usedBytes: 4, inodesFree: 90, inodes: 100 };

test("a volume is where the container's links lead, and one that has no figures keeps none from the others", async () => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "claims-")));
  onTestFinished(() => rm(dir, { recursive: true }));
  await mkdir(join(dir, "run/data"), { recursive: true });
  await mkdir(join(dir, "dead"));
  await symlink(join(dir, "run"), join(dir, "var-run"));
  const mounts = { data: join(dir, "var-run/data"), dead: join(dir, "dead") };
  const linked: Pod = {
    metadata: pod.metadata,
    spec: {
      containers: [
        {
          name: "app",
          volumeMounts: Object.entries(mounts).map(([name, mountPath]) => ({ name, mountPath })),
        },
      ],
      volumes: ["dead", "data"].map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    },
  };
  const asked: string[] = [];
  const host = {
    ...testHost(),
    filesystem: (path: string) => {
      asked.push(path);
      return path.endsWith("dead") ? Promise.reject(new Error("ESTALE")) : Promise.resolve(fs);
    },
  };
  const containers = [testContainer("a", "web", "app", { pid: process.pid })];
  const volumes = await claimVolumes({ host, ofPod: () => containers }, linked);
  const root = `/proc/${process.pid}/root`;
  expect(asked).toEqual([`${root}${dir}/dead`, `${root}${dir}/run/data`]);
  expect(volumes.map((v) => v.name)).toEqual(["data"]);
});

test("a claim's volume is measured where a container has it whole, and told by the claim's name", async () => {
  const asked: string[] = [];
  const host = {
    ...testHost(),
    filesystem: (path: string) => {
      asked.push(path);
      return Promise.resolve(fs);
    },
  };
  const containers = [
    testContainer("s", "web", undefined),
    testContainer("p", "web", "part", { pid: 7 }),
    testContainer("a", "web", "app", { pid: 8 }),
  ];
  const volumes = await claimVolumes({ host, ofPod: () => containers }, pod);
  expect(asked).toEqual(["/proc/8/root/data", "/proc/8/root/own"]);
  expect(volumes.map((v) => v.claim)).toEqual([
    { name: "orders", namespace: "shop" },
    { name: "web-own", namespace: "shop" },
  ]);
  const ended = containers.map((c) => ({ ...c, state: "exited" as const }));
  expect(await claimVolumes({ host, ofPod: () => ended }, pod)).toEqual([]);

  // Of another test file of the same process, with pods of its own.
  for (const { name } of await register.getMetricsAsJSON())
    if (name.startsWith("kubelet_volume_stats_")) register.removeSingleMetric(name);
  let looks = 0;
  addVolumeMetrics(() => {
    looks += 1;
    return Promise.resolve(volumes);
  });
  const text = await register.metrics();
  expect(text).toContain(
    'kubelet_volume_stats_used_bytes{namespace="shop",persistentvolumeclaim="orders"} 4',
  );
  expect(text).toContain(
    'kubelet_volume_stats_inodes_used{namespace="shop",persistentvolumeclaim="web-own"} 10',
  );
  expect(looks).toBe(1);
});
