import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { expect, test } from "vitest";
import { webDeployment } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { docker, eventually, getJson, kubectl, kubectlWith } from "./support/run.ts";

const ns = useNamespace("node-loss");
const project = process.env["CORACLE_CLUSTER"] ?? "coracle";
const lost = "node-3";
const kubelet = `${project}-kubelet-3`;
const web = async (): Promise<Pod[]> =>
  (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", "app=web")).items;
const nodeReady = async (): Promise<string | undefined> =>
  (await getJson<Node>("node", lost)).status?.conditions?.find((c) => c.type === "Ready")?.status;
const containersOf = async (uid: string): Promise<string[]> =>
  (await docker("ps", "-aq", "--filter", `label=io.kubernetes.pod.uid=${uid}`)).split("\n").filter(Boolean);

test("a stopped kubelet's node turns NotReady and its pods are replaced elsewhere; it comes back clean", async () => {
  // Short tolerations: upstream's default of 300 s is right for production and too long for a test.
  const yaml = webDeployment("web", 3).replace(
    "terminationGracePeriodSeconds: 5",
    `terminationGracePeriodSeconds: 1
      tolerations:
        - { key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 2 }
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 2 }`,
  );
  await kubectlWith(yaml, "apply", "-n", ns, "-f", "-");
  await kubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=120s");
  const stranded = (await web()).filter((p) => p.spec?.nodeName === lost);
  expect(stranded.length).toBeGreaterThan(0);

  await docker("stop", "-t", "5", kubelet);
  await eventually("the node is not Ready", async () => (await nodeReady()) !== "True", 90_000);
  await eventually(
    "three pods serve on the other nodes",
    async () => {
      const ok = (await web()).filter(
        (p) =>
          !p.metadata.deletionTimestamp &&
          p.spec?.nodeName !== lost &&
          p.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True"),
      );
      return ok.length === 3;
    },
    90_000,
  );

  await docker("start", kubelet);
  await eventually("the node is Ready again", async () => (await nodeReady()) === "True", 60_000);
  for (const pod of stranded) {
    await eventually(
      `no container of ${pod.metadata.name} is left`,
      async () => (await containersOf(pod.metadata.uid ?? "")).length === 0,
      60_000,
    );
  }
  await eventually(
    "no container of an unknown pod is left",
    async () => {
      const known = new Set((await getJson<{ items: Pod[] }>("pods", "-A")).items.map((p) => p.metadata.uid));
      const there = await docker(
        "ps",
        "-a",
        "--filter",
        `label=io.coracle.node=${lost}`,
        "--filter",
        `label=io.coracle.cluster=${project}`,
        "--format",
        '{{.Label "io.kubernetes.pod.uid"}}',
      );
      return there
        .split("\n")
        .filter(Boolean)
        .every((uid) => known.has(uid));
    },
    60_000,
  );
}, 300_000);
