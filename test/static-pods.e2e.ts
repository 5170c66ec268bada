import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { afterAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { docker, eventually, getJson, kubectl, must, tryKubectl } from "./support/run.ts";

const project = process.env["CORACLE_CLUSTER"] ?? "coracle";
const kubelet = `${project}-kubelet-1`;
const name = `static-${Math.random().toString(36).slice(2, 7)}`;
const mirror = `${name}-node-1`;
const folder = "/var/lib/coracle/node-1/host/etc/kubernetes/manifests";
const file = `${folder}/${name}.yaml`;
const manifest = (word: string): string => `apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  terminationGracePeriodSeconds: 1
  containers: [{ name: main, image: "${busybox}", command: [sh, -c, "echo ${word}; trap 'exit 0' TERM; while :; do sleep 0.5; done"] }]
`;
/** As a node's operator would, in one step: names with a dot in front are no manifests. */
const write = (text: string): Promise<string> =>
  must("docker", ["exec", "-i", kubelet, "sh", "-c", `cat > ${folder}/.next && mv ${folder}/.next ${file}`], {
    input: text,
  });
const pod = (): Promise<Pod> => getJson<Pod>("pod", mirror);
const running = (test: (p: Pod) => boolean): Promise<Pod> =>
  eventually("it runs and shows", async () => {
    const now = await pod();
    return now.status?.phase === "Running" && test(now) ? now : undefined;
  });
const containers = async (): Promise<string[]> =>
  (
    await docker(
      "ps",
      "-q",
      "--filter",
      `label=io.kubernetes.pod.name=${mirror}`,
      "--filter",
      `label=io.coracle.cluster=${project}`,
    )
  )
    .split("\n")
    .filter(Boolean);

afterAll(() => docker("exec", kubelet, "rm", "-f", file));

test("a manifest on the node is a pod, and the API shows its mirror", async () => {
  await write(manifest("one"));
  const shown = await running((p) => p.status?.containerStatuses?.[0]?.ready === true);
  expect(shown.metadata.ownerReferences).toEqual([
    expect.objectContaining({ kind: "Node", name: "node-1", controller: true }),
  ]);
  expect(shown.metadata.annotations).toMatchObject({ "kubernetes.io/config.source": "file" });
  expect(shown.metadata.annotations?.["kubernetes.io/config.mirror"]).toBe(
    shown.metadata.annotations?.["kubernetes.io/config.hash"],
  );
  expect(shown.spec?.nodeName).toBe("node-1");
  expect(await kubectl("logs", mirror)).toBe("one\n");
  expect(await kubectl("exec", mirror, "--", "hostname")).toBe(`${mirror}\n`);
});

test("whoever deletes the mirror deletes a picture: the pod runs on, and is shown again", async () => {
  const [before, ran] = [await pod(), await containers()];
  await kubectl("delete", "pod", mirror, "--wait=false");
  const after = await running((p) => p.metadata.uid !== before.metadata.uid);
  expect(after.status?.containerStatuses?.[0]?.containerID).toBe(
    before.status?.containerStatuses?.[0]?.containerID,
  );
  expect(await containers()).toEqual(ran);
});

test("a changed manifest is another pod, one that is gone ends it, and one that is none harms nothing", async () => {
  const before = await pod();
  await write(manifest("two"));
  await running((p) => p.metadata.uid !== before.metadata.uid);
  await eventually("the new one speaks", async () => (await kubectl("logs", mirror)) === "two\n");
  await write("kind: Pod\nspec: [");
  await eventually("it is gone", async () => (await tryKubectl("get", "pod", mirror)).code !== 0);
  await eventually("nothing of it runs", async () => (await containers()).length === 0);
  await write(manifest("three"));
  await running((p) => p.status?.containerStatuses?.[0]?.ready === true);
  await docker("exec", kubelet, "rm", file);
  await eventually("it is gone again", async () => (await tryKubectl("get", "pod", mirror)).code !== 0);
});
