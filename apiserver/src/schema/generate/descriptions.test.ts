import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { descriptionSources } from "../openapi/packed-descriptions.ts";
import { readDescriptions } from "./descriptions.ts";

it("has the sentences of the models where the API's sources cannot be read, and says so", async () => {
  const { models = "" } = descriptionSources() ?? {};
  const packages = await mkdtemp(join(tmpdir(), "sources-"));
  onTestFinished(() => rm(packages, { recursive: true }));
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  onTestFinished(() => warned.mockRestore());
  const found = readDescriptions({ models, packages });
  expect(found["io.k8s.api.core.v1.Pod"]?.[""]).toMatch(/^Pod is /);
  expect(found).toEqual(readDescriptions({ models }));
  expect(warned).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(`below ${packages}`));
});
