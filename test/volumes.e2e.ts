import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, getJson, kubectl } from "./support/run.ts";

const ns = useNamespace("volumes");
const { apply, ready, sh } = podsIn(ns);
const idle = `image: ${busybox}, command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1; done"]`;
const head = (name: string, spec = ""): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, labels: { tier: one } }\nspec:\n  terminationGracePeriodSeconds: 0\n  ${spec}\n`;

beforeAll(() =>
  apply(`---
apiVersion: v1
kind: ConfigMap
metadata: { name: files }
data: { a: old, b: hidden }
${head("files", "securityContext: { runAsUser: 1000, fsGroup: 2000 }")}
  volumes:
    - { name: items, configMap: { name: files, defaultMode: 0440, items: [{ key: a, path: deep/a, mode: 0400 }] } }
    - { name: whole, configMap: { name: files } }
    - { name: scratch, emptyDir: {} }
    - { name: memory, emptyDir: { medium: Memory, sizeLimit: 4Mi } }
    - { name: absent, secret: { secretName: absent, optional: true } }
    - name: all
      projected:
        sources:
          - serviceAccountToken: { path: token, expirationSeconds: 600, audience: here }
          - downwardAPI: { items: [{ path: labels, fieldRef: { fieldPath: metadata.labels } }] }
          - configMap: { name: files, items: [{ key: a, path: a }] }
  containers:
    - name: main
      image: ${busybox}
      command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1; done"]
      env: [{ name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }]
      volumeMounts:
        - { name: items, mountPath: /items }
        - { name: whole, mountPath: /whole }
        - { name: whole, mountPath: /single, subPath: a }
        - { name: scratch, mountPath: /scratch }
        - { name: scratch, mountPath: /expr, subPathExpr: at/$(POD) }
        - { name: memory, mountPath: /memory }
        - { name: absent, mountPath: /absent, readOnly: true }
        - { name: all, mountPath: /all }
${head("paths")}
  volumes: [{ name: h, hostPath: { path: /qa/made, type: DirectoryOrCreate } }, { name: f, hostPath: { path: /qa/file, type: FileOrCreate } }]
  containers: [{ name: main, ${idle}, volumeMounts: [{ name: h, mountPath: /h }, { name: f, mountPath: /f }] }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: keeper }
spec:
  serviceName: keeper
  selector: { matchLabels: { app: keeper } }
  template:
    metadata: { labels: { app: keeper } }
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{ name: main, ${idle}, volumeMounts: [{ name: data, mountPath: /data }] }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
`),
);

test("items, modes, groups and sub-paths are the manifest's", async () => {
  await ready("files");
  expect(
    await sh("files", "cd /items && find . -name '..*' -prune -o -type d -print -o -type l -print"),
  ).toContain("./deep");
  expect(await sh("files", "ls /items; test -e /items/b || echo none")).toBe("deep\nnone\n");
  expect(await sh("files", "stat -c %g /scratch")).toBe("2000\n");
  expect(await sh("files", "touch /expr/x && ls /scratch/at")).toBe("files\n");
  expect(await sh("files", "ls /absent")).toBe("");
});

test("a memory volume is a tmpfs of its size", async () => {
  expect(await sh("files", "grep ' /memory ' /proc/mounts")).toMatch(/^tmpfs .*size=4096k/);
  await expect(sh("files", "head -c 5000000 /dev/zero > /memory/x")).rejects.toThrow("exit 1");
  expect(await sh("files", "stat -c %s /memory/x")).toBe(`${4 * 1024 * 1024}\n`);
});

test("a projected token is for its audience, and labels and ConfigMaps follow changes where a subPath does not", async () => {
  const claims = JSON.parse(
    Buffer.from((await sh("files", "cat /all/token")).split(".")[1] ?? "", "base64url").toString(),
  ) as { aud: string[]; exp: number; iat: number };
  expect(claims.aud).toEqual(["here"]);
  expect(claims.exp - claims.iat).toBe(600);
  await kubectl("label", "pod", "files", "-n", ns, "--overwrite", "tier=two");
  await kubectl("patch", "configmap", "files", "-n", ns, "--type=merge", "-p", '{"data":{"a":"new"}}');
  await eventually("it follows", async () => (await sh("files", "cat /whole/a /all/a")) === "newnew");
  await eventually("labels follow", async () =>
    (await sh("files", "cat /all/labels")).includes('tier="two"'),
  );
  expect(await sh("files", "cat /single")).toBe("old");
});

test("host paths are made in the node's own storage", async () => {
  await ready("paths");
  expect(await sh("paths", "test -d /h && test -f /f && echo both")).toBe("both\n");
});

test("a claim of the default StorageClass keeps its data when its pod is replaced", async () => {
  await eventually("it is there", () => ready("keeper-0"));
  await sh("keeper-0", "echo kept > /data/x");
  const classes = await getJson<{ items: { volumeBindingMode: string }[] }>("storageclass");
  expect(classes.items.map((c) => c.volumeBindingMode)).toContain("WaitForFirstConsumer");
  await kubectl("delete", "pod", "keeper-0", "-n", ns);
  await eventually("it is back", () => ready("keeper-0"));
  expect(await sh("keeper-0", "cat /data/x")).toBe("kept\n");
});
