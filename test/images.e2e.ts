import type { ContainerStateWaiting } from "@coracle/shared/api/generated/core-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { startRegistry, type Registry } from "./support/registry.ts";
import { eventually, kubectl, kubectlWith } from "./support/run.ts";

const ns = useNamespace("images");
const { apply, ready, events, pod, sh } = podsIn(ns);

let registry: Registry;
let digest: string;

const secret = (name: string, type: string, key: string, content: object): string => `---
apiVersion: v1
kind: Secret
metadata: { name: ${name} }
type: ${type}
stringData: { ${key}: '${JSON.stringify(content)}' }
`;
const login = (name: string, password: string): string =>
  secret(name, "kubernetes.io/dockerconfigjson", ".dockerconfigjson", {
    auths: { [registry.host]: { auth: Buffer.from(`${registry.user}:${password}`).toString("base64") } },
  });
const user = (name: string, image: string, spec = "", container = ""): string => `---
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 0
  ${spec}
  containers:
    - name: main
      image: ${image}
      command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1; done"]
      ${container}
`;
const pulledWith = (...secrets: string[]): string =>
  `imagePullSecrets: [${secrets.map((name) => `{ name: ${name} }`).join(", ")}]`;
const waiting = async (name: string): Promise<ContainerStateWaiting> =>
  (await pod(name)).status?.containerStatuses?.[0]?.state?.waiting ?? {};
const waitsFor = (name: string, reason: string): Promise<string> =>
  eventually(`${name}: ${reason}`, async () => {
    const now = await waiting(name);
    return now.reason === reason ? (now.message ?? "") : undefined;
  });

beforeAll(async () => {
  registry = await startRegistry(`registry-${ns}`);
  digest = await registry.push(busybox, "ship/app:v1");
  for (const tag of ["old", "account", "latest", "volume"]) await registry.push(busybox, `ship/app:${tag}`);
  const { host, password } = registry;
  const app = `${host}/ship/app:v1`;
  await apply(
    [
      login("modern", password),
      secret("old", "kubernetes.io/dockercfg", ".dockercfg", {
        [host]: { username: registry.user, password },
      }),
      login("wrong", "nope"),
      `---\napiVersion: v1\nkind: ServiceAccount\nmetadata: { name: puller }\nimagePullSecrets: [{ name: modern }]\n`,
      user("modern", app, pulledWith("wrong", "modern")),
      user("old", `${host}/ship/app:old`, pulledWith("old")),
      user("stranger", `${host}/ship/app:account`),
      user("mended", `${host}/ship/app:latest`, pulledWith("absent", "wrong")),
      user("invalid", "UPPER/case:1"),
      user("never", `${host}/ship/app:never`, pulledWith("modern"), "imagePullPolicy: Never"),
      user("missing", `${host}/ship/app:missing`, pulledWith("modern")),
      user(
        "present",
        busybox,
        `${pulledWith("modern")}\n  volumes: [{ name: v, image: { reference: "${host}/ship/app:volume" } }]`,
        "volumeMounts: [{ name: v, mountPath: /v }, { name: v, mountPath: /part, subPath: bin }]",
      ),
    ].join(""),
  );
  await ready("modern", "old", "present");
});
afterAll(async () => {
  await kubectl("delete", "pods", "--all", "-n", ns, "--now");
  await registry[Symbol.asyncDispose]();
});

test("either kind of pull secret opens a private image, and events tell of the pull", async () => {
  const image = `${registry.host}/ship/app:v1`;
  const told = await events("modern");
  expect(told).toContain(`Pulling: Pulling image "${image}"`);
  expect(told).toMatch(
    /Pulled: Successfully pulled image "[^"]+" in [\d.]+m?s \([\d.]+m?s including waiting\)\. Image size: \d+ bytes\./,
  );
  expect(await events("old")).toContain("Pulled: Successfully pulled");
  const [status] = (await pod("modern")).status?.containerStatuses ?? [];
  expect(status).toMatchObject({ image, imageID: expect.stringContaining(`/ship/app@${digest}`) });
  expect(await events("present")).toContain(
    `Pulled: Container image "${busybox}" already present on machine and can be accessed by the pod`,
  );
});

test("without one it cannot be pulled, and the tries get rarer", async () => {
  const message = await waitsFor("stranger", "ImagePullBackOff");
  const image = `${registry.host}/ship/app:account`;
  expect(message).toContain(`Back-off pulling image "${image}": ErrImagePull: `);
  const told = await events("stranger");
  expect(told).toContain(`Failed: Failed to pull image "${image}": `);
  expect(told).toContain("Failed: Error: ErrImagePull");
  expect(told).toContain(`BackOff: Back-off pulling image "${image}"`);
  expect(told).toContain("Failed: Error: ImagePullBackOff");
  expect((await pod("stranger")).status?.phase).toBe("Pending");
});

test("the pull secrets of a ServiceAccount are its pods', and an image can be named by its digest", async () => {
  await apply(user("account", `${registry.host}/ship/app:account`, "serviceAccountName: puller"));
  await apply(user("digest", `${registry.host}/ship/app@${digest}`, "serviceAccountName: puller"));
  await ready("account", "digest");
  expect((await pod("account")).spec?.imagePullSecrets).toEqual([{ name: "modern" }]);
  expect((await pod("digest")).spec?.containers[0]?.imagePullPolicy).toBe("IfNotPresent");
});

test("what another pod's secret has pulled is not for one without it, whatever its policy", async () => {
  const image = `${registry.host}/ship/app:v1`;
  const { nodeName } = (await pod("modern")).spec ?? {};
  await apply(
    [
      user("guest", image, `nodeName: ${nodeName}`),
      user("guest-always", image, "", "imagePullPolicy: Always"),
      user("guest-never", image, `nodeName: ${nodeName}`, "imagePullPolicy: Never"),
      user("friend", image, pulledWith("modern")),
    ].join(""),
  );
  await ready("friend");
  expect(await events("friend")).toContain("already present on machine and can be accessed by the pod");
  expect(await waitsFor("guest", "ImagePullBackOff")).toContain("ErrImagePull");
  await waitsFor("guest-always", "ImagePullBackOff");
  await waitsFor("guest-never", "ErrImageNeverPull");
});

test("a name that is none, an image that may not be pulled and one that is not there are told apart", async () => {
  const never = `Container image "${registry.host}/ship/app:never" is not present with pull policy of Never`;
  expect(await waitsFor("never", "ErrImageNeverPull")).toBe(never);
  expect(await events("never")).toContain(`ErrImageNeverPull: ${never}`);
  expect(await waitsFor("invalid", "InvalidImageName")).toContain(
    'couldn\'t parse image name "UPPER/case:1": invalid reference format',
  );
  expect(await events("invalid")).toContain("InspectFailed: Failed to apply default image tag");
  expect(await waitsFor("missing", "ImagePullBackOff")).toMatch(/not found|manifest unknown/);
});

test("a mended secret is used at the next try", async () => {
  expect((await pod("mended")).spec?.containers[0]?.imagePullPolicy).toBe("Always");
  await waitsFor("mended", "ImagePullBackOff");
  expect(await events("mended")).toContain(
    "FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (absent); attempting to pull the image may not succeed.",
  );
  await kubectlWith(login("wrong", registry.password), "apply", "-n", ns, "-f", "-");
  await ready("mended");
});

test("an image is a volume, too: its files, and nothing to be written", async () => {
  expect(await sh("present", "cmp /v/bin/busybox /bin/busybox && echo same")).toBe("same\n");
  expect(await sh("present", "cmp /part/busybox /bin/busybox && echo same")).toBe("same\n");
  expect(await sh("present", "touch /v/x 2>&1 || true")).toContain("Read-only file system");
});
