import { register } from "prom-client";
import { expect, it } from "vitest";
import { createFakeRuntime } from "./fake.ts";
import { withRuntimeMetrics } from "./metered.ts";

const valueOf = async (name: string, operation: string): Promise<number> => {
  const metric = await register.getSingleMetric(name)?.get();
  return metric?.values.find((v) => v.labels["operation_type"] === operation)?.value ?? 0;
};

it("counts what is asked of the engine, and what it refuses", async () => {
  const runtime = withRuntimeMetrics(createFakeRuntime());
  await runtime.listImages();
  await runtime.listImages();
  await expect(runtime.start("no-such-container")).rejects.toThrow();
  expect(await valueOf("kubelet_runtime_operations_total", "list_images")).toBe(2);
  expect(await valueOf("kubelet_runtime_operations_errors_total", "list_images")).toBe(0);
  expect(await valueOf("kubelet_runtime_operations_errors_total", "start_container")).toBe(1);
});
