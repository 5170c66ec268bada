import { afterAll, beforeAll } from "vitest";
import { eventually, kubectl } from "./run.ts";

/** A namespace for one test file: made before its tests, deleted with all it holds after them. */
export function useNamespace(prefix: string): string {
  const name = `${prefix}-${Math.random().toString(36).slice(2, 7)}`;
  beforeAll(async () => {
    await kubectl("create", "namespace", name);
    // No pod is admitted before its account is there, which takes a moment when the controllers have just been started.
    await eventually("the default ServiceAccount", () =>
      kubectl("get", "serviceaccount", "default", "-n", name),
    );
  });
  afterAll(async () => {
    await kubectl("delete", "namespace", name, "--wait=false");
  });
  return name;
}
