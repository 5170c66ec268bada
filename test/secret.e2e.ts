import { randomBytes } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubeconfig as readKubeconfig } from "@coracle/shared/client/https.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import {
  docker,
  eventually,
  getJson,
  kubeconfig,
  kubectl,
  kubectlBinary,
  kubectlWith,
  must,
  run,
  tryKubectl,
  tryKubectlWith,
} from "./support/run.ts";

const ns = useNamespace("secrets");
const other = useNamespace("other-secrets");
const value = `canary-${randomBytes(16).toString("hex")}`;
const control = `control-${randomBytes(16).toString("hex")}`;
const encoded = Buffer.from(value).toString("base64");

test("a Secret is mounted from a tmpfs, and nowhere on any disk", async () => {
  await kubectl("create", "configmap", "control", "-n", ns, `--from-literal=key=${control}`);
  await kubectl("create", "secret", "generic", "canary", "-n", ns, `--from-literal=key=${value}`);
  await kubectlWith(
    `
apiVersion: v1
kind: Pod
metadata: { name: holder }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${busybox}
      command: [sleep, "3600"]
      volumeMounts: [{ name: s, mountPath: /s, readOnly: true }]
    - { name: other, image: ${busybox}, command: [sleep, "3600"] }
  volumes: [{ name: s, secret: { secretName: canary } }]
`,
    "apply",
    "-n",
    ns,
    "-f",
    "-",
  );
  await kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/holder", "--timeout=60s");
  expect(await kubectl("exec", "-n", ns, "holder", "-c", "main", "--", "cat", "/s/key")).toBe(value);
  expect(
    await kubectl("exec", "-n", ns, "holder", "-c", "main", "--", "sh", "-c", "grep ' /s ' /proc/mounts"),
  ).toMatch(/^tmpfs \/s tmpfs ro/);
  expect((await tryKubectl("exec", "-n", ns, "holder", "-c", "other", "--", "ls", "/s")).code).not.toBe(0);

  // Everything the cluster keeps on a disk is below the engine's root: volumes (Redis's log, the nodes' storage), layers, container configuration.
  const dir = (await docker("info", "--format", "{{.DockerRootDir}}")).trim();
  const mounts = (await run("sh", ["-c", "grep tmpfs /proc/mounts | cut -d' ' -f2"])).stdout
    .split("\n")
    .filter((m) => m.startsWith(dir));
  const onDisk = async (texts: readonly string[], places: readonly string[], timeoutMs = 300_000) => {
    const patterns = texts.flatMap((text) => ["-e", text]);
    const args = ["-rlsaF", "--devices=skip", ...patterns, ...places];
    const found = await run("grep", args, { timeoutMs });
    // Files that vanish meanwhile are no failure (2); an end by the clock would look as if nothing were there.
    expect(found.code).toBeLessThan(3);
    return found.stdout.split("\n").filter((f) => f && !mounts.some((m) => f.startsWith(`${m}/`)));
  };
  const places = ["volumes", "containers", "overlay2"].map((part) => `${dir}/${part}`);
  const files = await onDisk([control, value, encoded], places);
  // A ConfigMap is stored in the clear: finding it shows that the search would find the Secret.
  expect(await onDisk([control], files)).not.toEqual([]);
  expect(await onDisk([value, encoded], files)).toEqual([]);
});

test("a changed Secret reaches the running pod", async () => {
  await kubectl(
    "patch",
    "secret",
    "canary",
    "-n",
    ns,
    "--type=merge",
    "-p",
    '{"stringData":{"key":"second"}}',
  );
  await eventually(
    "the file changed",
    async () => (await kubectl("exec", "-n", ns, "holder", "-c", "main", "--", "cat", "/s/key")) === "second",
  );
});

test("an immutable Secret, or one of another namespace, changes nothing of a running pod", async () => {
  await kubectl("patch", "secret", "canary", "-n", ns, "-p", '{"immutable":true}');
  const refused = await tryKubectl(
    "patch",
    "secret",
    "canary",
    "-n",
    ns,
    "-p",
    '{"stringData":{"key":"third"}}',
  );
  expect(refused.stderr).toContain("data: Forbidden: field is immutable when `immutable` is set");
  const unset = await tryKubectl("patch", "secret", "canary", "-n", ns, "-p", '{"immutable":false}');
  expect(unset.stderr).toContain("immutable: Forbidden: field is immutable when `immutable` is set");
  await kubectl("create", "secret", "generic", "canary", "-n", other, "--from-literal=key=elsewhere");
  expect(await kubectl("exec", "-n", ns, "holder", "-c", "main", "--", "cat", "/s/key")).toBe("second");
});

test("a Secret holds at most 1 MiB", async () => {
  const secret = (bytes: number): string =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "large" },
      data: { key: Buffer.alloc(bytes).toString("base64") },
    });
  const tooLarge = await tryKubectlWith(secret(2 ** 20 + 1), "create", "-n", ns, "-f", "-");
  expect(tooLarge.stderr).toContain("data: Too long: may not be more than 1048576 bytes");
  await kubectlWith(secret(2 ** 20), "create", "-n", ns, "-f", "-");
});

test("the tmpfs is gone with the pod", async () => {
  const uid = (await getJson<Pod>("pod", "holder", "-n", ns)).metadata.uid ?? "";
  await kubectl("delete", "pod", "holder", "-n", ns);
  await eventually(
    "no volume of the pod is left",
    async () => !(await docker("volume", "ls", "--format", "{{.Name}} {{.Labels}}")).includes(uid),
  );
});

test("a ServiceAccount has a token Secret made for it, and it works", async () => {
  await kubectl("create", "serviceaccount", "robot", "-n", ns);
  const name = await eventually("the Secret is listed", () =>
    kubectl("get", "serviceaccount", "robot", "-n", ns, "-o", "jsonpath={.secrets[0].name}"),
  );
  const token = Buffer.from(
    await eventually("it holds a token", () =>
      kubectl("get", "secret", name, "-n", ns, "-o", "jsonpath={.data.token}"),
    ),
    "base64",
  ).toString();
  // The token alone: with the administrator's certificate beside it, the token would not be looked at.
  const { server, ca = "" } = await readKubeconfig(kubeconfig);
  const folder = await mkdtemp(join(tmpdir(), "coracle-token-"));
  await writeFile(join(folder, "ca.crt"), ca);
  const alone = [
    "--kubeconfig=/dev/null",
    `--server=${server}`,
    `--certificate-authority=${join(folder, "ca.crt")}`,
    `--token=${token}`,
  ];
  const who = await must(kubectlBinary, [
    ...alone,
    "auth",
    "whoami",
    "-o",
    "jsonpath={.status.userInfo.username}",
  ]);
  expect(who).toBe(`system:serviceaccount:${ns}:robot`);
  const [header, payload] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  expect(JSON.parse(String(header))).toHaveProperty("alg");
  expect(JSON.parse(String(payload))).toMatchObject({ sub: `system:serviceaccount:${ns}:robot` });
});
