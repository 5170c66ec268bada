import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { secrets } from "@coracle/shared/api/resources.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDockerRuntime } from "../runtime/docker.ts";
import { createHarness, NAMESPACE, type Harness } from "../testing/harness.ts";

const run = promisify(execFile);
const docker = async (...args: string[]): Promise<string> => (await run("docker", args)).stdout.trim();
/** A bcrypt hash of the password, from the test vectors of its first implementation. */
const USER = "ship";
const PASSWORD = "U*U";
const HASH = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
const NAME = `kubelet-test-registry-${process.pid}`;

let node: Harness;
let directory: string;
let registry: string;

beforeAll(async () => {
  node = await createHarness({ runtime: createDockerRuntime() });
  directory = await mkdtemp(join(tmpdir(), "registry-"));
  await writeFile(join(directory, "htpasswd"), `${USER}:${HASH}\n`);
  await docker(
    "run",
    "-d",
    "--name",
    NAME,
    "-p",
    "127.0.0.1::5000",
    "-v",
    `${directory}:/auth:ro`,
    "-e",
    "REGISTRY_AUTH=htpasswd",
    "-e",
    "REGISTRY_AUTH_HTPASSWD_REALM=test",
    "-e",
    "REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd",
    "registry:2",
  );
  registry = (await docker("port", NAME, "5000")).split("\n")[0] ?? "";
  const config = ["--config", directory];
  for (let tries = 0; ; tries++) {
    try {
      await docker(...config, "login", "-u", USER, "-p", PASSWORD, registry);
      break;
    } catch (error) {
      if (tries > 50) throw error;
      await sleep(200);
    }
  }
  for (const tag of ["1", "2"]) {
    await docker("tag", "busybox:1.36", `${registry}/ship/app:${tag}`);
    await docker(...config, "push", "-q", `${registry}/ship/app:${tag}`);
    await docker("rmi", `${registry}/ship/app:${tag}`);
  }
});
afterAll(async () => {
  await node.stop();
  await docker("rm", "-f", "-v", NAME);
  const left = (await docker("images", "--format", "{{.Repository}}:{{.Tag}}", `${registry}/ship/app`)).split(
    "\n",
  );
  for (const image of left.filter(Boolean)) await docker("rmi", "-f", image);
  await rm(directory, { recursive: true, force: true });
});

const spec = (tag: string, imagePullSecrets: { name: string }[]): NonNullable<Pod["spec"]> => ({
  restartPolicy: "Never",
  imagePullSecrets,
  containers: [{ name: "main", image: `${registry}/ship/app:${tag}`, command: ["true"] }],
});
const secret = (name: string, type: string, key: string, content: object): void =>
  node.client.put(secrets, {
    metadata: { name, namespace: NAMESPACE },
    type,
    data: { [key]: Buffer.from(JSON.stringify(content)).toString("base64") },
  });
const succeeded = (pod: Pod | undefined): boolean => pod?.status?.phase === "Succeeded";

test("without credentials a private image cannot be pulled", async () => {
  node.run("stranger", spec("1", []));
  const refused = await node.client.until(
    NAMESPACE,
    "stranger",
    (pod) => pod?.status?.containerStatuses?.[0]?.state?.waiting?.reason === "ErrImagePull",
  );
  expect(refused.status?.containerStatuses?.[0]?.state?.waiting?.message).toMatch(
    /no basic auth|denied|unauthorized/,
  );
});

test("either kind of pull secret opens it, wrong ones before the right one do no harm", async () => {
  const auth = Buffer.from(`${USER}:${PASSWORD}`).toString("base64");
  secret("wrong", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", {
    auths: { [registry]: { username: USER, password: "nope" } },
  });
  secret("modern", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", {
    auths: { [registry]: { auth } },
  });
  secret("old", "kubernetes.io/dockercfg", ".dockercfg", {
    [registry]: { username: USER, password: PASSWORD },
  });
  node.run("modern", spec("1", [{ name: "wrong" }, { name: "modern" }]));
  await node.client.until(NAMESPACE, "modern", succeeded);
  node.run("old", spec("2", [{ name: "old" }]));
  const done = await node.client.until(NAMESPACE, "old", succeeded);
  expect(done.status?.containerStatuses?.[0]?.imageID).toMatch(
    /^docker-pullable:\/\/127\.0\.0\.1:\d+\/ship\/app@sha256:/,
  );
  await expect
    .poll(() => node.events.filter((e) => e.pod === "old").map((e) => e.reason))
    .toEqual(["Pulling", "Pulled", "Created", "Started"]);
});
