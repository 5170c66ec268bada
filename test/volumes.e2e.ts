import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { docker, eventually, getJson, kubectl } from "./support/run.ts";

const ns = useNamespace("volumes");
const project = process.env["CORACLE_CLUSTER"] ?? "coracle";
const { apply, ready, sh, events, pod } = podsIn(ns);
const idle = `image: ${busybox}, command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1; done"]`;
const head = (name: string, spec = ""): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, labels: { tier: one } }\nspec:\n  terminationGracePeriodSeconds: 0\n  ${spec}\n`;
const noEnvironment = "env: []";
/** One container with its mounts; by default of a volume `v`. */
const several = (
  name: string,
  volumes: string,
  mounts = "{ name: v, mountPath: /v }",
  container = noEnvironment,
): string =>
  `${head(name)}  volumes: [${volumes}]\n  containers: [{ name: main, ${idle}, ${container}, volumeMounts: [${mounts}] }]\n`;

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
${several(
  "missing",
  "{ name: c, configMap: { name: later } }, { name: s, secret: { secretName: later, items: [{ key: k, path: deep/k }] } }",
  "{ name: c, mountPath: /c }, { name: s, mountPath: /s }",
)}
${several("no-key", "{ name: v, configMap: { name: files, items: [{ key: none, path: x }] } }")}
${several("no-secret-key", "{ name: v, secret: { secretName: other, items: [{ key: none, path: x }] } }")}
${several("not-a-directory", "{ name: v, hostPath: { path: /qa/file-not-made, type: Directory } }")}
${several("driver", "{ name: v, csi: { driver: none.example } }")}
${several("absolute", "{ name: v, emptyDir: {} }", "{ name: v, mountPath: /v, subPathExpr: $(WHERE) }", "env: [{ name: WHERE, value: /tmp }]")}
${several("backstep", "{ name: v, emptyDir: {} }", "{ name: v, mountPath: /v, subPathExpr: $(WHERE) }", 'env: [{ name: WHERE, value: ".." }]')}
${several("late", "{ name: v, emptyDir: {} }", "{ name: v, mountPath: /v, subPathExpr: a/$(WHERE) }", `env: [{ name: WHERE, valueFrom: { fieldRef: { fieldPath: "metadata.annotations['where']" } } }]`)}
${several("locked", "{ name: v, emptyDir: {} }", "{ name: v, mountPath: /v, readOnly: true, recursiveReadOnly: Enabled }")}
---
apiVersion: v1
kind: Secret
metadata: { name: other }
stringData: { k: v }
${head("shared")}
  volumes:
    - { name: disk, emptyDir: {} }
    - { name: memory, emptyDir: { medium: Memory } }
    - { name: own, hostPath: { path: /qa/links, type: DirectoryOrCreate } }
  containers:
    - { name: main, ${idle}, resources: { limits: { memory: 64Mi } }, volumeMounts: [{ name: disk, mountPath: /disk }, { name: memory, mountPath: /memory }, { name: own, mountPath: /own }] }
    - { name: reader, ${idle}, resources: { limits: { memory: 32Mi } }, volumeMounts: [{ name: disk, mountPath: /disk, readOnly: true }] }
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

test("anyone may write to an empty volume, which the pod's containers share and whose memory is the pod's", async () => {
  await ready("shared");
  expect(await sh("shared", "stat -c %A /disk /memory")).toBe("drwxrwxrwx\ndrwxrwxrwx\n");
  await sh("shared", "echo hello > /disk/x");
  expect(await sh("shared", "cat /disk/x; touch /disk/y 2>&1 || true", "reader")).toContain(
    "hello\ntouch: /disk/y: Read-only file system",
  );
  expect(await sh("shared", "grep ' /memory ' /proc/mounts")).toMatch(/^tmpfs .*size=98304k/);
});

test("what cannot be mounted is told, and the pod starts when it can", async () => {
  const why = async (name: string, text: string): Promise<void> => {
    await eventually(`${name} is told`, async () => (await events(name)).includes(text));
    expect(await events(name)).not.toMatch(/FailedCreatePodSandBox|Pulled|Created/);
  };
  const failed = (volume: string): string =>
    `FailedMount: MountVolume.SetUp failed for volume "${volume}" : `;
  await why("missing", `${failed("c")}configmap "later" not found`);
  await why("missing", `${failed("s")}secret "later" not found`);
  await why("no-key", `${failed("v")}configmap references non-existent config key: none`);
  await why("no-secret-key", `${failed("v")}references non-existent secret key: none`);
  await why(
    "not-a-directory",
    `${failed("v")}hostPath type check failed: /qa/file-not-made is not a directory`,
  );
  await why("driver", `${failed("v")}kubernetes.io/csi: mounter.SetUpAt failed to get CSI client`);
  await kubectl("create", "configmap", "later", "-n", ns, "--from-literal=k=v");
  await kubectl("create", "secret", "generic", "later", "-n", ns, "--from-literal=k=hidden");
  await ready("missing");
  expect(await sh("missing", "cat /c/k /s/deep/k")).toBe("vhidden");
});

test("a sub-path of variables stays in its volume, and waits for its variables", async () => {
  const reason = (name: string, text: string): Promise<unknown> =>
    eventually(`${name} is told`, async () => {
      const { waiting } = (await pod(name)).status?.containerStatuses?.[0]?.state ?? {};
      expect(waiting).toMatchObject({ reason: "CreateContainerConfigError", message: text });
      return true;
    });
  await reason("absolute", "error SubPath `/tmp` must not be an absolute path");
  await reason("backstep", "unable to provision SubPath `..`: must not contain '..'");
  await reason("late", "missing value for WHERE");
  await reason(
    "locked",
    'volume "v" requested recursive read-only mode, but it is not supported by the runtime',
  );
  await kubectl("annotate", "pod", "late", "-n", ns, "where=there");
  await ready("late");
  expect(await sh("late", "grep ' /v ' /proc/self/mountinfo")).toContain("/a/there /v ");
});

test("links in a host path are the node's: they reach none of the machine's files", async () => {
  await sh(
    "shared",
    "ln -sfn /etc /own/absolute; ln -sfn ../../../../../../etc /own/relative; echo host > /own/x",
  );
  const { nodeName } = (await pod("shared")).spec ?? {};
  const at = (name: string, path: string): string =>
    several(name, `{ name: v, hostPath: { path: ${path} } }`).replace(
      "spec:",
      `spec:\n  nodeName: ${nodeName}`,
    );
  await apply(
    [
      at("absolute-link", "/qa/links/absolute"),
      at("relative-link", "/qa/links/relative"),
      at("same-node", "/qa/links"),
      several(
        "sub-link",
        "{ name: v, hostPath: { path: /qa/links } }",
        "{ name: v, mountPath: /v, subPath: absolute }",
      ).replace("spec:", `spec:\n  nodeName: ${nodeName}`),
    ].join(""),
  );
  await ready("absolute-link", "relative-link", "same-node");
  for (const name of ["absolute-link", "relative-link"])
    expect(await sh(name, "test -e /v/passwd || echo none")).toBe("none\n");
  expect(await sh("same-node", "cat /v/x")).toBe("host\n");
  await eventually("a sub-path is refused", async () =>
    (await events("sub-link")).includes('failed to prepare subPath for volumeMount "v" of container "main"'),
  );
});

test("a kubelet that comes back leaves volumes as their pods have made them", async () => {
  await sh("shared", "chmod 0700 /disk");
  const data = await sh("files", "readlink /whole/..data");
  for (const name of ["shared", "files"]) {
    const { nodeName = "" } = (await pod(name)).spec ?? {};
    await docker("restart", `${project}-kubelet-${nodeName.split("-").at(-1)}`);
  }
  await kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s");
  await kubectl("patch", "configmap", "files", "-n", ns, "--type=merge", "-p", '{"data":{"b":"seen"}}');
  await eventually("it looks after the pod", async () => (await sh("files", "cat /whole/b")) === "seen");
  expect(await sh("files", "readlink /whole/..data")).not.toBe(data);
  expect(await sh("shared", "stat -c %A /disk; cat /disk/x")).toBe("drwx------\nhello\n");
  expect((await pod("shared")).status?.containerStatuses?.map((c) => c.restartCount)).toEqual([0, 0]);
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
  const figures = await kubectl(
    "get",
    "--raw",
    `/api/v1/nodes/${(await pod("keeper-0")).spec?.nodeName}/proxy/metrics`,
  );
  expect(figures).toMatch(
    new RegExp(
      `^kubelet_volume_stats_capacity_bytes{namespace="${ns}",persistentvolumeclaim="data-keeper-0"} [1-9]`,
      "m",
    ),
  );
});
