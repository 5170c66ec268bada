import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { deployments, nodes } from "@coracle/shared/api/resources.ts";
import { startHarness } from "../../testing/harness.ts";
import { addonsLoop } from "./addons.ts";

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: names
  namespace: kube-system
  annotations: { addons.coracle.io/one-per-node: "true" }
spec:
  replicas: 2
  selector: { matchLabels: { app: names } }
  template:
    metadata: { labels: { app: names } }
    spec: { containers: [{ name: c, image: "\${IMAGE}" }] }
`;

test("an add-on with one replica per node has as many as there are nodes, up to its own number", async () => {
  const directory = mkdtempSync(join(tmpdir(), "addons-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "names.yaml"), manifest);
  await using h = await startHarness({ controllers: [], loops: [addonsLoop(directory, { IMAGE: "x" })] });
  const replicas = async (wanted: number): Promise<void> => {
    const at = { name: "names", namespace: "kube-system" };
    await h.eventually(`${wanted} replicas`, async () => {
      const { spec } = await h.client.get(deployments, at);
      return spec?.replicas === wanted;
    });
  };
  await replicas(1);
  for (const name of ["n1", "n2", "n3"]) await h.client.create(nodes, { metadata: { name } });
  await replicas(2);
  await h.client.delete(nodes, { name: "n1" });
  await h.client.delete(nodes, { name: "n2" });
  await replicas(1);
  expect((await h.list(deployments)).length).toBe(1);
});
