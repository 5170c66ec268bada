import type { Expectations } from "../../expectations.ts";
import type { Retries } from "./backoff.ts";
import type { Tracking } from "./tracking.ts";

/** What the Job controller remembers between reconciles, because its caches may not show it yet. */
export interface JobMemory {
  readonly expectations: Expectations;
  readonly tracking: Tracking;
  readonly retries: Retries;
}
