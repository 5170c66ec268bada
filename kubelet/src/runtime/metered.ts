import { runtimeDuration, runtimeErrors, runtimeOperations } from "../metrics.ts";
import type { Runtime } from "./runtime.ts";

/** Upstream's names of what is asked of a runtime; what is not here is no operation of its own there. */
const names: Partial<Record<keyof Runtime, string>> = {
  info: "status",
  list: "list_containers",
  inspect: "container_status",
  createSandbox: "run_podsandbox",
  createContainer: "create_container",
  start: "start_container",
  signal: "stop_container",
  remove: "remove_container",
  update: "update_container",
  image: "image_status",
  listImages: "list_images",
  pull: "pull_image",
  removeImage: "remove_image",
  exec: "exec",
  attach: "attach",
  stats: "container_stats",
};

/** The same runtime, whose operations are counted and timed for /metrics. */
export function withRuntimeMetrics(runtime: Runtime): Runtime {
  const metered: Record<string, unknown> = { ...runtime };
  for (const [method, name] of Object.entries(names)) {
    const call = runtime[method as keyof Runtime] as (...given: unknown[]) => Promise<unknown>;
    metered[method] = async (...given: unknown[]) => {
      const done = runtimeDuration.startTimer({ operation_type: name });
      runtimeOperations.inc({ operation_type: name });
      try {
        return await call(...given);
      } catch (error) {
        runtimeErrors.inc({ operation_type: name });
        throw error;
      } finally {
        done();
      }
    };
  }
  return metered as unknown as Runtime;
}
