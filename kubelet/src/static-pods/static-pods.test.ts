import { mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { alreadyExists } from "@coracle/shared/errors.ts";
import { createLogger } from "@coracle/shared/log.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startStaticPods } from "./folder.ts";
import { createMirrorKeeper, mirrorFor, planMirrors } from "./mirrors.ts";
import { ManifestError, staticPod } from "./static-pod.ts";

const log = createLogger("test");
log.level = "silent";
const origin = { node: "Node-1", file: "/manifests/web.yaml", now: Date.UTC(2026, 10, 23) };
const manifest = (name = "web", image = "nginx:1") => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: "main", image, resources: { limits: { memory: "1Mi" } } }] },
});

describe("a manifest", () => {
  it("becomes a pod of its node, with the defaults of the API", () => {
    const pod = staticPod(manifest(), origin);
    expect(pod.metadata).toMatchObject({
      name: "web-node-1",
      namespace: "default",
      annotations: {
        "kubernetes.io/config.source": "file",
        "kubernetes.io/config.hash": pod.metadata.uid,
        "kubernetes.io/config.seen": "2026-11-23T00:00:00.000Z",
      },
    });
    expect(pod.spec).toMatchObject({
      nodeName: "Node-1",
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      tolerations: [{ operator: "Exists", effect: "NoExecute" }],
      containers: [{ imagePullPolicy: "IfNotPresent", resources: { requests: { memory: "1Mi" } } }],
    });
  });
  it("is the same pod again until its content, its file or its node changes", () => {
    const uid = (m: object, o = origin) => staticPod(m, o).metadata.uid;
    expect(uid(manifest(), { ...origin, now: 1 })).toBe(uid(manifest()));
    const others = [
      uid(manifest("web", "nginx:2")),
      uid(manifest(), { ...origin, node: "node-2" }),
      uid(manifest(), { ...origin, file: "/manifests/other.yaml" }),
    ];
    expect(new Set([...others, uid(manifest())]).size).toBe(4);
  });
  it.each<[string, unknown]>([
    ["nothing", null],
    ["another kind", { ...manifest(), kind: "Deployment" }],
    ["no name", { ...manifest(), metadata: {} }],
    ["a name that is none", manifest("../x")],
    ["no container", { ...manifest(), spec: { containers: [] } }],
    ["no image", manifest("web", "")],
    [
      "a Secret",
      { ...manifest(), spec: { ...manifest().spec, volumes: [{ name: "v", secret: { secretName: "s" } }] } },
    ],
    ["a ServiceAccount", { ...manifest(), spec: { ...manifest().spec, serviceAccountName: "x" } }],
  ])("with %s is refused", (_what, value) => {
    expect(() => staticPod(value, origin)).toThrow(ManifestError);
  });
});

describe("a folder of manifests", () => {
  let folder = "";
  let stop = new AbortController();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "static-"));
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await rm(folder, { recursive: true });
  });
  const write = async (file: string, content: string): Promise<void> => {
    await writeFile(join(folder, `.${file}`), content);
    await rename(join(folder, `.${file}`), join(folder, file));
  };

  it("is followed: pods come, change and go with their files", async () => {
    const steps: string[] = [];
    const image = (pod: Pod) => `${pod.metadata.name} ${pod.spec?.containers[0]?.image}`;
    await write("a.json", JSON.stringify(manifest("a")));
    await write("broken.yaml", "kind: [");
    // Followed, a link could lead to what only the kubelet may read.
    await writeFile(join(folder, ".elsewhere"), JSON.stringify(manifest("linked")));
    await symlink(join(folder, ".elsewhere"), join(folder, "link.yaml"));
    await startStaticPods({
      folder,
      node: "n",
      start: (pod) => void steps.push(`start ${image(pod)}`),
      stop: (pod) => {
        steps.push(`stop ${image(pod)}`);
        return Promise.resolve();
      },
      onChange: () => undefined,
      log,
      signal: stop.signal,
    });
    expect(steps).toEqual(["start a-n nginx:1"]);
    await write("b.yaml", JSON.stringify(manifest("b")));
    await vi.waitFor(() => expect(steps).toContain("start b-n nginx:1"));
    await write("b.yaml", JSON.stringify(manifest("b", "nginx:2")));
    await vi.waitFor(() => expect(steps.slice(2)).toEqual(["stop b-n nginx:1", "start b-n nginx:2"]));
    await unlink(join(folder, "a.json"));
    await vi.waitFor(() => expect(steps.slice(4)).toEqual(["stop a-n nginx:1"]));
  });
});

describe("mirrors", () => {
  const node = { name: "Node-1", uid: "node-uid" };
  const pod = staticPod(manifest(), origin);
  const mirror: Pod = {
    ...mirrorFor(pod, node),
    metadata: { ...mirrorFor(pod, node).metadata, uid: "mirror-uid" },
  };

  it("are owned by the node and carry the hash of their static pod", () => {
    expect(mirror.metadata.annotations?.["kubernetes.io/config.mirror"]).toBe(pod.metadata.uid);
    expect(mirror.metadata.ownerReferences).toMatchObject([
      { kind: "Node", uid: "node-uid", controller: true },
    ]);
  });
  it("are made where they are missing, and removed where they are outdated, leaving or left over", () => {
    const names = (plan: ReturnType<typeof planMirrors>) => [plan.create.length, plan.remove.length];
    expect(names(planMirrors([pod], []))).toEqual([1, 0]);
    expect(names(planMirrors([pod], [mirror]))).toEqual([0, 0]);
    expect(names(planMirrors([], [mirror]))).toEqual([0, 1]);
    const leaving = {
      ...mirror,
      metadata: { ...mirror.metadata, deletionTimestamp: "2026-11-23T00:00:00Z" },
    };
    expect(names(planMirrors([pod], [leaving]))).toEqual([0, 1]);
    const newer = staticPod(manifest("web", "nginx:2"), origin);
    expect(names(planMirrors([newer], [mirror]))).toEqual([0, 1]);
    const ordinary: Pod = { ...mirror, metadata: { ...mirror.metadata, annotations: {} } };
    expect(names(planMirrors([pod], [ordinary]))).toEqual([0, 0]);
  });
  it("are made again after somebody has deleted them, through a failing API", async () => {
    const known = new Map<string, Pod>();
    let failures = 1;
    const stop = new AbortController();
    const client = {
      create: (_resource: unknown, object: Pod) => {
        if (failures-- > 0) return Promise.reject(new Error("not now"));
        const name = object.metadata.name ?? "";
        if (known.has(name)) return Promise.reject(alreadyExists({ group: "", resource: "pods" }, name));
        known.set(name, { ...object, metadata: { ...object.metadata, uid: "m" } });
        return Promise.resolve(object);
      },
      delete: (_resource: unknown, { name }: { name: string }) => {
        known.delete(name);
        return Promise.resolve();
      },
    } as unknown as Client;
    const keeper = createMirrorKeeper({
      client,
      statics: () => [pod],
      known: () => known.values(),
      node: () => node,
      log,
      signal: stop.signal,
    });
    keeper.wake();
    await keeper.idle();
    expect(keeper.mirrorOf(pod)?.metadata.uid).toBe("m");
    known.clear();
    keeper.wake();
    await keeper.idle();
    expect([...known.keys()]).toEqual(["web-node-1"]);
    stop.abort();
  });
});
