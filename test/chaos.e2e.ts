import type { Deployment } from "@coracle/shared/api/generated/apps-v1.ts";
import type { ConfigMap, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { webDeployment, webImage, webImageNext } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { docker, eventually, getJson, kubectl, kubectlWith, tryKubectl } from "./support/run.ts";

const ns = useNamespace("chaos");
const project = process.env["CORACLE_CLUSTER"] ?? "coracle";
const replicas = 4;
let acknowledged = 0;
let image = webImage;

/** Writes ConfigMaps one after the other until stopped; counts only those the API acknowledged. */
async function writer(stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    const out = await tryKubectl(
      "create",
      "configmap",
      `ack-${acknowledged}`,
      "-n",
      ns,
      "--request-timeout=5s",
    );
    if (out.code === 0 || out.stderr.includes("already exists")) acknowledged += 1;
    else await new Promise((r) => setTimeout(r, 100));
  }
}

const settled = async (): Promise<boolean> => {
  const d = await getJson<Deployment>("deployment", "web", "-n", ns);
  return (
    d.status?.observedGeneration === d.metadata.generation &&
    d.status?.updatedReplicas === replicas &&
    d.status?.availableReplicas === replicas &&
    d.status?.replicas === replicas
  );
};

beforeAll(async () => {
  await kubectlWith(webDeployment("web", replicas), "apply", "-n", ns, "-f", "-");
  await kubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=120s");
});

test.for(["controller-manager", "scheduler", "apiserver", "kubelet", "nats", "redis"])(
  "kill -9 of %s under a rolling update: the update ends, nothing acknowledged is lost",
  async (service) => {
    let stop = false;
    const writing = writer(() => stop);
    image = image === webImage ? webImageNext : webImage;
    await kubectl("set", "image", "-n", ns, "deployment/web", `nginx=${image}`);
    const container = `${project}-${service}-1`;
    await docker("kill", "-s", "KILL", container);
    // What compose's restart policy does for a crash; an engine does not restart a container that was killed through it.
    await docker("start", container);
    await eventually("the update has ended", settled, 120_000, 500);
    stop = true;
    await writing;
    const maps = new Set(
      (await getJson<{ items: ConfigMap[] }>("configmaps", "-n", ns)).items.map((c) => c.metadata.name),
    );
    for (let i = 0; i < acknowledged; i++) expect(maps.has(`ack-${i}`), `ack-${i}`).toBe(true);
    const pods = (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", "app=web")).items.filter(
      (p) => !p.metadata.deletionTimestamp,
    );
    expect(pods.map((p) => p.spec?.containers[0]?.image)).toEqual(
      Array.from({ length: replicas }, () => image),
    );
    await eventually(
      "every node is Ready",
      async () => !(await kubectl("get", "nodes", "--no-headers")).includes("NotReady"),
      60_000,
    );
  },
);
