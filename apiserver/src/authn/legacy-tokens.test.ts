import type { Secret } from "@coracle/shared/api/generated/core-v1.ts";
import { secrets } from "@coracle/shared/api/resources.ts";
import { expect, it } from "vitest";
import { startInProcess } from "../testing/in-process.ts";
import { createLegacyTokenTracker } from "./legacy-tokens.ts";

it("notes on a token's Secret the day it was last used, and writes no more that day", async () => {
  await using api = await startInProcess();
  let day = "2026-11-29";
  const used = createLegacyTokenTracker({
    registry: () => api.registry,
    now: () => new Date(`${day}T10:00:00Z`),
  });
  const at = { name: "token", namespace: "default" };
  const read = (): Promise<Secret> => api.client.get(secrets, at);
  await api.client.create(secrets, { metadata: { ...at, labels: { own: "yes" } } });
  used(await read());
  const label = "kubernetes.io/legacy-token-last-used";
  await expect.poll(async () => (await read()).metadata.labels).toEqual({ own: "yes", [label]: day });
  const first = await read();
  used(first);
  await new Promise((resolve) => setImmediate(resolve));
  expect((await read()).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  day = "2026-11-30";
  used(first);
  await expect.poll(async () => (await read()).metadata.labels?.[label]).toBe(day);
});
