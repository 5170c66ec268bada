import type { ControllerContext } from "@coracle/shared/controller/controller.ts";

/** A control loop that does not reconcile one fixed kind: it runs until the context's signal aborts. */
export interface Loop {
  readonly name: string;
  run(ctx: ControllerContext): Promise<void>;
}

/** Resolves when the signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
