import { expect, test } from "vitest";
import { configMaps, namespaces, pods } from "@coracle/shared/api/resources.ts";
import { startInProcess } from "../testing/in-process.ts";

test("an object can be created, read, changed, listed and deleted", async () => {
  await using api = await startInProcess();
  const { client } = api;
  await client.create(namespaces, { metadata: { name: "default" } });
  const made = await client.create(configMaps, {
    metadata: { name: "a", namespace: "default" },
    data: { k: "v" },
  });
  expect(made.metadata.resourceVersion).toMatch(/^\d+$/);
  expect((await client.get(configMaps, { name: "a", namespace: "default" })).data).toEqual({ k: "v" });
  await client.update(configMaps, { ...made, data: { k: "w" } });
  await expect(client.update(configMaps, { ...made, data: { k: "x" } })).rejects.toMatchObject({
    reason: "Conflict",
  });
  const patched = await client.patch(
    configMaps,
    { name: "a", namespace: "default" },
    { type: "merge", body: { data: { z: "1" } } },
  );
  expect(patched.data).toEqual({ k: "w", z: "1" });
  expect((await client.list(configMaps, { namespace: "default" })).items).toHaveLength(1);
  await client.delete(configMaps, { name: "a", namespace: "default" });
  await expect(client.get(configMaps, { name: "a", namespace: "default" })).rejects.toMatchObject({
    reason: "NotFound",
  });
  await expect(
    client.create(pods, { metadata: { name: "p", namespace: "default" } } as never),
  ).rejects.toMatchObject({ reason: "Invalid" });
});
