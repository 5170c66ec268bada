import { afterAll, beforeAll } from "vitest";
import { kubectl } from "./run.ts";

/** A namespace for one test file: made before its tests, deleted with all it holds after them. */
export function useNamespace(prefix: string): string {
  const name = `${prefix}-${Math.random().toString(36).slice(2, 7)}`;
  beforeAll(async () => {
    await kubectl("create", "namespace", name);
  });
  afterAll(async () => {
    await kubectl("delete", "namespace", name, "--wait=false");
  });
  return name;
}
