import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { createOwnEngine, whyNoEngine, type OwnEngine } from "./support/own-engine.ts";
import { eventually } from "./support/run.ts";

const PODS = 30;
const cluster = "coracle-engine-test";
const images = [
  process.env["CORACLE_IMAGE"] ?? "coracle/coracle:dev",
  process.env["CORACLE_PAUSE_IMAGE"] ?? "coracle/pause:1",
  "redis:8",
  "nats:2",
  busybox,
];

const missing = await whyNoEngine();

test.skipIf(missing !== undefined)(
  `an engine that crashes under ${PODS} pods, and comes back, has them all again and nothing else${missing ? `: skipped, ${missing}` : ""}`,
  async () => {
    await using engine = await createOwnEngine(cluster);
    await engine.load(...images);
    await engine.up(2);
    const pods = async (): Promise<Pod[]> =>
      (JSON.parse(await engine.kubectl("get", "pods", "-A", "-o", "json")) as { items: Pod[] }).items;
    const many = async (): Promise<Pod[]> =>
      (await pods()).filter((p) => p.metadata.labels?.["app"] === "many");
    const script = "trap 'exit 0' TERM; while :; do sleep 1; done";
    const made = ["create", "deployment", "many", `--image=${busybox}`, `--replicas=${PODS}`];
    await engine.kubectl(...made, "--", "sh", "-c", script);
    await engine.kubectl("rollout", "status", "deployment/many", "--timeout=150s");
    const before = (await many()).map((p) => p.metadata.uid).toSorted();
    expect(before).toHaveLength(PODS);

    await engine.kill();
    await engine.start();
    const isBack = ({ status }: Pod): boolean =>
      status?.containerStatuses?.every((c) => c.ready && c.restartCount > 0) ?? false;
    await eventually("all pods run again", async () => (await many()).every(isBack), 180_000, 1_000);

    const after = await pods();
    expect((await many()).map((p) => p.metadata.uid).toSorted()).toEqual(before);
    expect(await running(engine, "container")).toEqual(
      expected(after, (p) => p.spec?.containers.length ?? 0),
    );
    expect(await running(engine, "sandbox")).toEqual(expected(after, () => 1));
    for (const node of ["1", "2"]) {
      const links = await engine.docker(
        "exec",
        `${cluster}-kubelet-${node}`,
        "ip",
        "-o",
        "link",
        "show",
        "type",
        "veth",
      );
      const cabled = after.filter((p) => p.spec?.nodeName === `node-${node}` && !p.spec.hostNetwork);
      expect(links.split("\n").filter((line) => /veth[0-9a-f]{11}@/.test(line))).toHaveLength(cabled.length);
    }
  },
  600_000,
);

/** How many containers of the type each pod has running. */
async function running(engine: OwnEngine, type: string): Promise<Record<string, number>> {
  const filter = `label=io.coracle.type=${type}`;
  const listed = await engine.docker(
    "ps",
    "--filter",
    filter,
    "--format",
    '{{.Label "io.kubernetes.pod.uid"}}',
  );
  const groups = Map.groupBy(listed.split("\n").filter(Boolean), (uid) => uid);
  return Object.fromEntries([...groups].map(([uid, all]) => [uid, all.length]));
}

const expected = (pods: readonly Pod[], count: (pod: Pod) => number): Record<string, number> =>
  Object.fromEntries(pods.map((p) => [p.metadata.uid ?? "", count(p)]));
