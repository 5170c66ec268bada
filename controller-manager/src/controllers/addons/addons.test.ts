import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configMaps } from "@coracle/shared/api/resources.ts";
import { expect, onTestFinished, test } from "vitest";
import { NAMESPACE, startHarness } from "../../testing/harness.ts";
import { addonsLoop } from "./addons.ts";

const manifest = (name: string, mode: string): string => `---
apiVersion: v1
kind: ConfigMap
metadata: { name: ${name}, namespace: ${NAMESPACE}, labels: { addonmanager.kubernetes.io/mode: ${mode} } }
data: { key: ours }
`;

test("an add-on is kept as its manifest says, or is the users' to change where it is only to exist", async () => {
  const directory = await mkdtemp(join(tmpdir(), "addons-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await writeFile(
    join(directory, "a.yaml"),
    manifest("kept", "Reconcile") + manifest("theirs", "EnsureExists"),
  );
  await using h = await startHarness({ controllers: [], loops: [addonsLoop(directory, {})] });
  const value = async (name: string): Promise<string | undefined> =>
    (await h.list(configMaps)).find((c) => c.metadata.name === name)?.data?.["key"];
  const change = (name: string) =>
    h.client.patch(
      configMaps,
      { name, namespace: NAMESPACE },
      { type: "merge", body: { data: { key: "changed" } } },
    );
  await h.eventually("both are made", async () => (await value("kept")) && (await value("theirs")));
  await change("theirs");
  await change("kept");
  await h.eventually("one is put right", async () => (await value("kept")) === "ours");
  expect(await value("theirs")).toBe("changed");
  await h.client.delete(configMaps, { name: "theirs", namespace: NAMESPACE });
  await h.eventually("the other comes back", async () => (await value("theirs")) === "ours");
});
