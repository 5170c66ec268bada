import type { ControllerContext } from "@coracle/shared/controller/controller.ts";

/** A control loop that does not reconcile one fixed kind: it runs until the context's signal aborts. */
export interface Loop {
  readonly name: string;
  run(ctx: ControllerContext): Promise<void>;
}

/** Calls back when the signal aborts, also when it has already. Returns the unsubscribe function. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) callback();
  else signal.addEventListener("abort", callback, { once: true });
  return () => signal.removeEventListener("abort", callback);
}
